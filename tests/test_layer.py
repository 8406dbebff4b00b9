from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pint_xarray  # noqa: F401 - registers .pint
import pytest
import torch
import torch.nn.functional as F
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.filters import GammaLowPass, LowPass, PartialHighPass

LAYERS = [
    lambda: LowPass("5 ms"),
    lambda: GammaLowPass("5 ms", 3),
    lambda: PartialHighPass("5 ms", 0.7),
    lambda: Cascade(),
]
STEPS = 12


class Cascade(cx.Layer):
    """A model within a model, plain torch modules between."""

    units_out = None

    def __init__(self) -> None:
        super().__init__()
        self.parts = torch.nn.Sequential(LowPass("5 ms"), torch.nn.Tanh(), PartialHighPass("20 ms", 1.0))
        self.fail = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.parts(x)
        if self.fail:
            raise RuntimeError("on purpose")
        return y


def _film(seed: int = 0, dt: str = "1 ms", dtype: str = "float64", units: str = "cd/m^2") -> xr.DataArray:
    values = np.random.default_rng(seed).random((2, 1, STEPS, 3, 2)).astype(dtype)
    return cx.as_stimulus(values, dt=dt, pixel_size="0.1 deg", units=units)


cuts = st.lists(st.integers(1, STEPS - 1), unique=True, max_size=STEPS).map(sorted)


@pytest.mark.parametrize("make", LAYERS)
@given(cuts=cuts, labels=st.booleans(), dtype=st.sampled_from(["float32", "float64"]))
def test_held_state_chunked_is_whole(make: Any, cuts: list[int], labels: bool, dtype: str) -> None:
    film = _film(dtype=dtype)
    edges = [0, *cuts, STEPS]
    parts = [film.isel(time=slice(a, b)) for a, b in pairwise(edges)]
    chunked, whole = make(), make()
    if labels:
        np.testing.assert_array_equal(xr.concat([chunked(part) for part in parts], "time"), whole(film))
        return
    with cx.set_options(dt="1 ms"), torch.no_grad():
        pieces = [chunked(torch.from_numpy(part.values)) for part in parts]
        assert torch.equal(torch.cat(pieces, 2), whole(torch.from_numpy(film.values)))


@pytest.mark.parametrize("make", LAYERS)
@given(at=st.integers(1, STEPS - 1))
def test_the_future_does_not_change_the_past(make: Any, at: int) -> None:
    film = _film()
    other = film.copy(deep=True)
    other[:, :, at:] = 9.0
    np.testing.assert_array_equal(make()(film)[:, :, :at], make()(other)[:, :, :at])


@pytest.mark.parametrize("make", LAYERS)
def test_batch_is_one_by_one_and_precisions_agree(make: Any) -> None:
    film = _film()
    together = make()(film)
    for number in range(2):
        np.testing.assert_array_equal(make()(film.isel(batch=[number])), together.isel(batch=[number]))
    single = make()(_film(dtype="float32"))
    assert (single.dtype, together.dtype) == ("float32", "float64")
    np.testing.assert_allclose(single, together, rtol=2e-5, atol=2e-6)


@given(order=st.permutations(("batch", "channel", "time", "y", "x")), flip=st.booleans(), quantify=st.booleans())
def test_every_form_of_the_same_data(order: list[str], flip: bool, quantify: bool) -> None:
    film = _film()
    form = film.transpose(*order).isel(y=slice(None, None, -1 if flip else 1))
    form = form.pint.quantify() if quantify else form.chunk(time=5)
    made = LowPass("5 ms")(form)
    wanted = LowPass("5 ms")(film)
    np.testing.assert_array_equal(made, wanted)
    assert made.dims == wanted.dims
    assert made.attrs == {"units": "cd/m^2"}
    assert made.name == "response"
    np.testing.assert_array_equal(made.time, film.time)


def test_the_example_subclass() -> None:
    class Model(cx.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = torch.nn.Conv3d(1, 1, (20, 1, 1))
            self.conv2 = torch.nn.Conv3d(1, 1, (1, 10, 10))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.relu(self.conv2(F.relu(self.conv1(x))))

    model = Model()
    x = torch.rand(1, 1, 50, 12, 12)
    wanted = F.relu(model.conv2(F.relu(model.conv1(x))))
    assert torch.equal(model(x), wanted)
    assert list(model.p) == ["conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias"]


@pytest.mark.parametrize(
    ("initial", "value"),
    [
        ("zeros", 0.0),
        (0.25, 0.25),
        (np.float32(0.25), 0.25),
        ("250e-3 cd/m^2", 0.25),
        (cx.units.Quantity(0.25, "cd/m^2"), 0.25),
        ("0.00025 kcd/m^2", 0.25),
        (xr.DataArray(0.25, attrs={"units": "cd/m^2"}), 0.25),
        ("first_frame", None),
        (None, 0.0),
    ],
)
def test_what_is_assumed_before_the_first_frame(initial: Any, value: float | None) -> None:
    layer = LowPass("5 ms")
    layer.initial = initial
    film = _film()
    first = film.isel(time=0)
    before = first if value is None else value
    decay = np.exp(-1 / 5)
    np.testing.assert_allclose(layer(film).isel(time=0), decay * before + (1 - decay) * first, rtol=1e-6)


@pytest.mark.parametrize(
    ("initial", "error"),
    [
        ("foo", cx.ContractError),
        ("0.25", cx.UnitError),
        ("5 ms", cx.UnitError),
        (float("nan"), cx.UnitError),
        (True, cx.UnitError),
        ([0.25], cx.UnitError),
        (1j, cx.UnitError),
    ],
)
def test_what_cannot_be_assumed(initial: Any, error: type[Exception]) -> None:
    layer = LowPass("5 ms")
    layer.initial = initial
    with pytest.raises(error, match="initial: wanted"):
        layer(_film())
    assert layer.get_state() == {}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_raise_and_say_where(bad: float) -> None:
    film = _film()
    film[1, 0, 7, 2, 1] = bad
    layer = LowPass("5 ms")
    layer(_film(1))
    before = layer.get_state()
    with pytest.raises(cx.ContractError, match=rf"got {bad} at index batch=1, channel=0, time=7, y=2, x=1"):
        layer(film)
    assert torch.equal(layer.get_state()["low_pass"], before["low_pass"])


@pytest.mark.parametrize("labels", [True, False])
def test_a_call_that_fails_changes_nothing(labels: bool) -> None:
    model = Cascade()
    model(_film())
    before, sampling = model.get_state(), model.sampling
    model.fail = True
    film = _film(1, dt="7 ms")
    with pytest.raises(RuntimeError, match="on purpose"):
        model(film if labels else torch.from_numpy(film.values))
    assert model.sampling == sampling
    assert all(torch.equal(before[name], value) for name, value in model.get_state().items())
    model.fail = False
    fresh = Cascade()
    fresh(_film())
    np.testing.assert_array_equal(model(_film(2)), fresh(_film(2)))


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((1, 1, 2, 1, 1)),
        torch.zeros(2, 3),
        torch.zeros(1, 1, 0, 1, 1),
        None,
        "film",
        5,
        torch.zeros(1, 1, 2, 1, 1, dtype=torch.complex64),
    ],
)
def test_inputs_that_are_no_stimulus(x: Any) -> None:
    with cx.set_options(dt="1 ms"), pytest.raises(cx.ContractError, match=r"x: wanted .* Cure: "):
        LowPass("5 ms")(x)


def test_tensors_use_the_last_sampling_or_the_option_else_ask() -> None:
    x = torch.ones(1, 1, 1, 1, 1, dtype=torch.float64)
    with pytest.raises(cx.ContractError, match=r'LowPass: wanted a time step.*set_options\(dt="1 ms"\)'):
        LowPass("5 ms")(x)
    layer = LowPass("5 ms")
    for dt in (1, 2):
        layer.clear_state()
        with cx.set_options(dt=f"{dt} ms"):
            assert layer(x).item() == pytest.approx(1 - np.exp(-dt / 5))
    layer.clear_state()
    layer(_film(dt="3 ms"))
    layer.clear_state()
    assert layer(x).item() == pytest.approx(1 - np.exp(-3 / 5))


@pytest.mark.parametrize(
    "other",
    [lambda film: film.isel(x=[0]), lambda film: film.isel(batch=[0]), lambda film: film.astype("float32")],
)
def test_other_data_on_a_held_state_are_refused_with_the_cure(other: Any) -> None:
    layer = LowPass("5 ms")
    layer(_film())
    with pytest.raises(cx.ContractError, match=r"x: wanted .* as before.*Cure: clear_state\(\)"):
        layer(other(_film()))
    layer.clear_state()
    layer(other(_film()))


def test_single_frames_without_a_step_go_on_with_the_last_one() -> None:
    film = _film().isel(batch=0, channel=0)
    stamps = film.time.values * 1e9
    film = film.assign_coords(time=stamps.round().astype("m8[ns]"))
    layer = LowPass("5 ms")
    parts = [layer(film.isel(time=slice(0, 4))), *(layer(film.isel(time=[step])) for step in range(4, STEPS))]
    np.testing.assert_array_equal(xr.concat(parts, "time"), LowPass("5 ms")(film))


def test_a_layer_that_is_not_registered_is_refused() -> None:
    class Careless(cx.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = [LowPass("5 ms")]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.hidden[0](x)

    with (
        cx.set_options(dt="9 ms"),
        pytest.raises(cx.ContractError, match=r"LowPass: wanted a part of the model.*ModuleList"),
    ):
        Careless()(_film())


@pytest.mark.parametrize(
    "result", [None, np.zeros(3), (1, 2), torch.zeros(3), torch.zeros((1,) * 5), {"a": torch.zeros(2)}]
)
def test_a_forward_that_gives_something_else(result: Any) -> None:
    class Wrong(cx.Layer):
        def forward(self, x: torch.Tensor) -> Any:
            return result

    with pytest.raises(
        cx.ContractError, match=r"Wrong: .*wanted a tensor \(batch, channel, time: \d+, y, x\) from forward"
    ):
        Wrong()(_film())


def test_several_outputs_make_a_dataset_with_a_unit_for_each() -> None:
    class Two(cx.Layer):
        output_names = ("same", "rate")  # type: ignore[assignment]

        def output_units(self, name: str, input_units: str) -> str:
            return {"same": input_units, "rate": "Hz"}[name]

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"same": x, "rate": 2 * x}

    made = Two()(_film())
    assert {name: value.attrs["units"] for name, value in made.data_vars.items()} == {"same": "cd/m^2", "rate": "Hz"}
    np.testing.assert_array_equal(made["rate"], 2 * _film())


def test_gradients_reach_parameters_and_input() -> None:
    layer = LowPass("5 ms")
    x = torch.rand(1, 1, 6, 1, 1, dtype=torch.float64, requires_grad=True)

    def response(tau: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        layer.clear_state()
        return torch.func.functional_call(layer, {"tau": tau}, (x,))

    with cx.set_options(dt="1 ms"):
        layer(x).sum().backward()
        assert layer.tau.grad is not None
        assert x.grad is not None
        step = 1e-7
        with torch.no_grad():
            high, low = (response(layer.tau.detach() + sign * step, x).sum() for sign in (1, -1))
    assert layer.tau.grad.item() == pytest.approx((high - low).item() / (2 * step), rel=1e-5)


def test_a_layer_with_state_serves_once_in_a_forward() -> None:
    class Twice(cx.Layer):
        def __init__(self, inner: cx.Layer) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(self.inner(x))

    with pytest.raises(cx.ContractError, match=r"LowPass at 'inner': wanted one call for each chunk"):
        Twice(cx.filters.LowPass("5 ms"))(_film())
    blur = cx.filters.Gaussian("0.1 deg")  # without state there is nothing to share
    np.testing.assert_array_equal(Twice(blur)(_film()), blur(blur(_film())))


@pytest.mark.parametrize(("units", "bare", "value"), [("V", False, 1000.0), ("1", True, 1.0), ("percent", True, 0.01)])
def test_what_came_in_another_unit_leaves_in_that_of_the_layer(units: str, bare: bool, value: float) -> None:
    class Same(cx.Layer):
        units_in, bare_in, units_out = "mV", bare, None

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 1 * x

    made = Same()(cx.as_stimulus(np.ones(3), dt="1 ms", units=units))
    np.testing.assert_allclose(made, value)
    assert made.attrs["units"] == "mV"
    ran = cx.run(Same(), cx.as_stimulus(np.ones(3), dt="1 ms", units=units)).response
    np.testing.assert_allclose(ran, value)
    assert ran.attrs["units"] == "mV"


@pytest.mark.parametrize(("device", "lengths"), [("cpu", [2, 2, 1]), ("meta", [5])])
def test_only_the_processor_computes_a_chunk_in_blocks(device, lengths):
    seen = []

    class Blocks(cx.Layer):
        block_bytes = 2 * 3 * 4 * 4

        def forward(self, x):
            seen.append(x.shape[2])
            return x

    model = Blocks()
    with torch.no_grad():
        model.advance(model.new_context(model.info), torch.zeros(1, 1, 5, 3, 4, device=device))
    assert seen == lengths
