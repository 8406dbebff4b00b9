"""A run gives what the model gives, however it is cut, and leaves the model as it was."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.engine.state import read_state
from tests.engine.cases import Cells, film

BOTH = ["current", "spikes"]


@pytest.fixture(scope="module")
def whole() -> xr.Dataset:
    return cx.run(Cells(), film(), outputs=BOTH, chunk=60)


@given(chunk=st.integers(1, 70), block=st.integers(1, 61))
def test_chunked_equals_whole(whole: xr.Dataset, chunk: int, block: int) -> None:
    made = cx.run(Cells(), film().chunk(time=block), outputs=BOTH, chunk=chunk)
    xr.testing.assert_identical(made, whole)
    for path, value in read_state(whole).items():
        assert torch.equal(read_state(made)[path], value), path


@given(cut=st.integers(1, 59), chunk=st.integers(1, 20))
def test_a_run_goes_on_from_the_state_of_another(whole: xr.Dataset, cut: int, chunk: int) -> None:
    first = cx.run(Cells(), film(), outputs=BOTH, stop=cut, chunk=chunk)
    second = cx.run(Cells(), film(), outputs=BOTH, start=cut, chunk=chunk, state=read_state(first))
    xr.testing.assert_equal(xr.concat([first, second], "time"), whole)
    assert all(torch.equal(value, read_state(whole)[path]) for path, value in read_state(second).items())


def test_a_run_equals_the_labelled_call() -> None:
    model = cx.filters.LowPass(tau="7 ms")
    xr.testing.assert_equal(cx.run(model, film(), chunk=7).response, model(film()))


def test_carry_goes_on_from_the_held_state_and_updates_it() -> None:
    model, stimulus = cx.filters.LowPass(tau="7 ms"), film()
    parts = [model.run(stimulus, carry=True, start=start, stop=start + 20) for start in (0, 20, 40)]
    xr.testing.assert_equal(xr.concat(parts, "time"), cx.run(cx.filters.LowPass(tau="7 ms"), stimulus))
    assert torch.equal(model.get_state()["low_pass"], read_state(parts[-1])["low_pass"])


def test_a_run_leaves_the_model_alone() -> None:
    model = Cells()
    model(film(10))
    held = model.get_state()
    info = model.info
    model.run(film(), chunk=9)
    assert all(torch.equal(value, held[path]) for path, value in model.get_state().items())
    assert model.info == info


def test_threads_may_share_a_model(whole: xr.Dataset) -> None:
    model, made = Cells(), {}

    def work(name: int) -> None:
        made[name] = cx.run(model, film(seed=name), outputs=BOTH, chunk=3 + name)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    xr.testing.assert_equal(made[0], whole)
    for name in range(3):
        xr.testing.assert_equal(made[name], cx.run(Cells(), film(seed=name), outputs=BOTH))


def test_the_state_that_was_given_stays_as_it_is() -> None:
    class Sum(cx.Layer):
        total: Any

        def __init__(self) -> None:
            super().__init__()
            self.register_state("total")

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.total is None:
                self.total = torch.zeros_like(x[:, :, 0])
            made = self.total[:, :, None] + x.cumsum(2)
            total = self.total
            total += x.sum(2)  # in place, which is bad manners
            return made

    model = Sum()
    first = cx.run(model, film(), stop=30)
    state = read_state(first)
    before = state["total"].clone()
    second = cx.run(model, film(), start=30, state=state, chunk=7)
    assert torch.equal(state["total"], before)
    np.testing.assert_allclose(second.response[-1], film().sum("time"), rtol=1e-5)


def test_a_module_that_works_in_place_does_not_change_the_stimulus() -> None:
    class Rectified(cx.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.relu = torch.nn.ReLU(inplace=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.relu(x)

    for stimulus in (film() - 0.5, (film() - 0.5).chunk(time=60)):
        before = stimulus.values.copy()
        stimulus.attrs["units"] = "1"
        made = cx.run(Rectified(), stimulus)
        assert float(made.response.min()) == 0.0
        np.testing.assert_array_equal(stimulus.values, before)


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (10, 20, slice(10, 20)),
        ("10 ms", "0.02 s", slice(10, 20)),
        (None, "59.5 ms", slice(0, 60)),
        ("9.2 ms", None, slice(10, None)),
        (59, None, slice(59, None)),
    ],
)
def test_a_part_of_the_stimulus(start: Any, stop: Any, expected: slice) -> None:
    part = cx.run(cx.filters.LowPass(), film(), start=start, stop=stop)
    xr.testing.assert_equal(part.response, cx.filters.LowPass()(film()[expected]))


def test_quantities_are_labels_of_the_time_axis() -> None:
    late = film().assign_coords(time=("time", 100 + 1000 * film().time.values, {"units": "ms"}))
    part = cx.run(cx.filters.LowPass(), late, start="110 ms", stop="120 ms")
    assert part.time.values[[0, -1]].tolist() == [110, 119]


def test_time_of_dates_counts_from_the_first_sample() -> None:
    dates = np.datetime64("2020-01-01", "ns") + np.arange(60) * np.timedelta64(1, "ms")
    part = cx.run(cx.filters.LowPass(), film().assign_coords(time=dates), start="10 ms", stop=12)
    assert part.time.values.tolist() == dates[10:12].tolist()


@pytest.mark.parametrize("dims", [("x", "time", "y"), ("y", "x", "time")])
def test_dimensions_come_in_any_order(dims: tuple[str, ...]) -> None:
    made = cx.run(cx.filters.LowPass(), film().transpose(*dims), chunk=11)
    xr.testing.assert_equal(made, cx.run(cx.filters.LowPass(), film()))


def test_an_ascending_y_axis_is_turned() -> None:
    turned = film().isel(y=slice(None, None, -1))
    xr.testing.assert_equal(cx.run(Cells(), turned, chunk=7), cx.run(Cells(), film()))


def test_batches_and_channels_are_kept() -> None:
    values = np.random.default_rng(1).random((2, 3, 20, 4, 5)).astype("f4")
    stimulus = cx.as_stimulus(values, dt="1 ms", pixel_size="0.1 deg", units="1")
    made = cx.run(cx.filters.LowPass(), stimulus.transpose("time", "x", "y", "channel", "batch"), chunk=3)
    assert made.response.dims == ("batch", "channel", "time", "y", "x")
    alone = cx.run(cx.filters.LowPass(), stimulus.isel(batch=1, channel=[2]))
    np.testing.assert_array_equal(made.response[1, 2], alone.response[0])


def test_time_alone_is_a_stimulus() -> None:
    pulse = cx.as_stimulus(np.eye(1, 9)[0], dt="10 ms", units="1")
    made = cx.run(cx.filters.LowPass(), pulse, chunk=2)
    assert made.response.dims == ("time",)
    assert made.response.dtype == "float64"


def test_bare_arrays_take_their_scale_from_sampling_or_options() -> None:
    values = film().values
    model = cx.filters.LowPass(tau="20 ms")
    sampling = cx.Sampling(dt="1 ms", pixel_size="0.1 deg")
    expected = cx.run(model, film())
    xr.testing.assert_equal(cx.run(model, values, sampling=sampling), expected)
    xr.testing.assert_equal(cx.run(model, torch.from_numpy(values), sampling=sampling), expected)
    with cx.set_options(dt="1 ms", pixel_size="0.1 deg"):
        xr.testing.assert_equal(cx.run(model, values), expected)
    with pytest.raises(cx.ContractError, match="time step"):
        cx.run(model, values)


def test_a_dataset_of_one_variable_and_quantified_input() -> None:
    import pint_xarray  # noqa: F401 - registers the accessor

    expected = cx.run(cx.filters.LowPass(), film())
    xr.testing.assert_equal(cx.run(cx.filters.LowPass(), film().to_dataset()), expected)
    xr.testing.assert_equal(cx.run(cx.filters.LowPass(), film().pint.quantify(), chunk=7), expected)


def test_units_and_coordinates_of_the_result() -> None:
    made = cx.run(Cells(), film(), outputs=BOTH, start=5)
    assert {name: made[name].attrs["units"] for name in made} == {"current": "Hz", "spikes": "count"}
    assert made.spikes.dtype == "uint8"
    assert made.current.dtype == "float32"
    for name in ("time", "y", "x"):
        xr.testing.assert_identical(made[name], film()[5:][name])


@pytest.mark.parametrize(("given_dtype", "dtype", "expected"), [
    ("float64", None, "float64"), ("uint8", None, "float32"), ("float32", "float64", "float64"),
    ("float64", torch.float32, "float32"), ("float64", np.float32, "float32"),
])  # fmt: skip
def test_precision(given_dtype: str, dtype: Any, expected: str) -> None:
    made = cx.run(cx.filters.LowPass(), film(dtype=given_dtype), dtype=dtype)
    assert made.response.dtype == expected


def test_the_seed_of_a_run_overrides_that_of_the_model(whole: xr.Dataset) -> None:
    assert not cx.run(Cells(), film(), seed=1).spikes.equals(whole.spikes)
    xr.testing.assert_equal(cx.run(Cells(seed=1), film()), cx.run(Cells(), film(), seed=1))


def test_initial_says_what_was_before() -> None:
    grey = cx.as_stimulus(np.full(20, 0.5), dt="1 ms", units="1")
    assert float(cx.run(cx.filters.LowPass(), grey, chunk=3, initial=0.5).response.min()) == pytest.approx(0.5)
    assert float(cx.run(cx.filters.LowPass(), grey, chunk=3, initial="first_frame").response[0]) == pytest.approx(0.5)
    assert float(cx.run(cx.filters.LowPass(), grey, chunk=3).response[0]) < 0.1


def test_no_gradients_are_recorded_and_none_are_needed() -> None:
    assert not read_state(cx.run(Cells(), film()))["low.low_pass"].requires_grad


def test_nan_raises_and_says_where_or_is_propagated() -> None:
    bad = film()
    bad[33, 2, 1] = np.nan
    with pytest.raises(cx.ContractError, match=r"time=33, y=2, x=1"):
        cx.run(cx.filters.LowPass(), bad, chunk=10, start=5)
    made = cx.run(cx.filters.LowPass(), bad, chunk=10, nan="propagate")
    assert bool(made.response[33:, 2, 1].isnull().all())
    assert int(made.response.isnull().sum()) == 60 - 33


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nan": "ignore"}, 'nan: wanted "raise" or "propagate"'),
        ({"chunk": 5, "memory": "1 GiB"}, "chunk, memory: wanted one of the two"),
        ({"start": 60}, "start, stop: wanted a part of the stimulus"),
        ({"stop": 61}, "60 samples, 0 s to 0.06 s"),
        ({"start": 20, "stop": 20}, "start before stop"),
        ({"stop": "1 s"}, "stop='1 s'"),
        ({"start": "-1 ms"}, "start='-1 ms'"),
        ({"outputs": ["nothing"]}, "outputs: wanted names among response, got nothing"),
        ({"outputs": []}, "outputs: wanted names among"),
        ({"dtype": "float16"}, "dtype: wanted float32 or float64, got float16"),
        ({"device": "meta"}, r'device: .*Cure: model\.to\("meta"\)'),
        ({"device": "gpu"}, "device: wanted a device of torch, got 'gpu'"),
        ({"state": 3}, "state: wanted a dict of tensors, got int"),
        ({"resume": True}, "resume: wanted a store"),
        ({"initial": "zeros", "state": {}}, "initial: wanted no initial= beside state="),
        ({"sampling": cx.Sampling(dt="1 ms")}, "sampling: wanted a bare array"),
        ({"memory": "1 KiB"}, "memory: wanted outputs within 1 KiB"),
        ({"memory": "8 KiB"}, r"for a chunk of one sample\. Cure: memory="),
        ({"state": {"low_pass": torch.zeros(1, 1, 1, 1)}}, r"wanted shape \(1, 1, 5, 6\), torch"),
        ({"state": {"low_pass": torch.zeros(1, 1, 5, 6)}, "dtype": "float64"}, r"torch\.float64 for this stimulus"),
        ({"state": {"high_pass": torch.zeros(1)}}, "state: wanted paths among low_pass, got high_pass"),
    ],
)
def test_what_cannot_be_is_said(options: dict[str, Any], message: str) -> None:
    with pytest.raises(cx.ConvisError, match=message):
        cx.run(cx.filters.LowPass(), film(height=5, width=6), **options)


@pytest.mark.parametrize(
    "options", [{"chunk": 0}, {"chunk": "0.1 ms"}, {"chunk": 2.5}, {"chunk": "3 deg"}, {"start": -1}, {"start": "1 Hz"}]
)
def test_wrong_lengths_are_unit_errors(options: dict[str, Any]) -> None:
    with pytest.raises(cx.UnitError, match=next(iter(options))):
        cx.run(cx.filters.LowPass(), film(), **options)


def test_a_bare_torch_module_is_refused_with_the_cure() -> None:
    with pytest.raises(cx.ContractError, match=r"model: wanted a convis_xr\.Layer, got ReLU"):
        cx.run(torch.nn.ReLU(), film())


class Odd(cx.Layer):
    """A model that does not keep to what was agreed on."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = [answer]

    def forward(self, x: torch.Tensor) -> Any:
        return self.answer[0](x)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x: x[0], r"wanted a tensor \(batch, channel, time: 1, y, x\)"),
        (lambda x: x.repeat(1, 1, 2, 1, 1), r"time: 1, y, x\) from forward, got shape \(1, 1, 2, 5, 6\)"),
        (lambda x: {"other": x}, "wanted an output 'response', got other"),
        (lambda x: x if x.shape[2] == 1 else x[..., 1:], "whose output depends on nothing but its input"),
        (lambda x: x if x.shape[2] == 1 else x.double(), "float64"),
        (lambda x: x if x.shape[2] == 1 else x[:, :, 1:], r"time: 10, y, x\) from forward, got shape \(1, 1, 9,"),
    ],
)
def test_odd_models_are_refused(answer: Any, message: str) -> None:
    with pytest.raises(cx.ContractError, match=message):
        cx.run(Odd(answer), film(), outputs=["response"], chunk=10)


def test_outputs_of_different_frames_want_runs_of_their_own() -> None:
    class Two(Odd):
        output_names = ("full", "half")  # type: ignore[assignment]

    model = Two(lambda x: {"full": x, "half": x[..., 1:]})
    with pytest.raises(cx.ContractError, match="x=6 in 'full', x=5 in 'half'"):
        cx.run(model, film(), outputs=["full", "half"])
    assert cx.run(model, film(), outputs="half").half.sizes["x"] == 5


def test_errors_of_the_model_keep_their_type_and_say_when_they_came() -> None:
    def broken(x: torch.Tensor) -> torch.Tensor:
        raise ZeroDivisionError("of mine")

    with pytest.raises(ZeroDivisionError, match="of mine") as caught:
        cx.run(Odd(broken), film())
    assert "tried on a single frame" in caught.value.__notes__[0]


def test_a_result_in_memory_is_refused_where_it_does_not_fit() -> None:
    with pytest.raises(cx.ContractError, match=r'within 100 KiB, got 117 KiB of outputs.*store="response\.zarr"'):
        cx.run(cx.filters.LowPass(), film(1000), memory="100 KiB")


def test_a_path_and_a_seed_of_words_are_refused() -> None:
    with pytest.raises(cx.ContractError, match=r"stimulus: wanted data, got the path .*cx.open_stimulus\('film.mp4'\)"):
        cx.run(Cells(), "film.mp4")
    with pytest.raises(cx.ContractError, match="seed: wanted a whole number, got 'a'"):
        cx.run(Cells(), film(), seed="a")  # type: ignore[arg-type]


def test_the_name_of_a_preset_is_no_model() -> None:
    with pytest.raises(cx.ContractError, match=r"model: wanted .*, got str.*cx.models.Retina\('primate'\)"):
        cx.run("primate", film())


def test_a_model_of_two_inputs_is_called_and_not_run() -> None:
    class Product(cx.Layer):
        def forward(self, x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
            return x * other

    one = film()
    np.testing.assert_allclose(Product()(one, one), one.values.astype(float) ** 2, rtol=1e-6)
    with pytest.raises(cx.ContractError, match=r"model: wanted a model of one stimulus, got Product, .*x, other"):
        cx.run(Product(), one)
