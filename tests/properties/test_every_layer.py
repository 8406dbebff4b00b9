"""What must hold for every layer, every split of time, every order of dimensions."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.context import InputInfo
from convis_xr.models.retina import OPL, Bipolar, BipolarConfig, Ganglion, GanglionConfig, OPLConfig

STEPS = 24


class Stack(cx.Layer):
    """A user's own model, with plain torch within."""

    def __init__(self) -> None:
        super().__init__()
        self.first = cx.filters.LowPass("7 ms")
        self.mix = torch.nn.Conv3d(2, 3, 1)
        self.last = cx.filters.Conv3d(3, (6, 3, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.last(self.mix(self.first(x))))


def _retina(**options: object) -> cx.Layer:
    retina = cx.models.Retina(**options)  # type: ignore[arg-type]
    retina.bipolar.adaptation_gain = "80 Hz"
    return retina


def _seeded(make: Callable[[], cx.Layer]) -> Callable[[], cx.Layer]:
    def build() -> cx.Layer:
        torch.manual_seed(1)
        return make()

    return build


#: every layer, by what makes one
LAYERS: dict[str, Callable[[], cx.Layer]] = {
    name: _seeded(make)
    for name, make in {
        "LowPass": lambda: cx.filters.LowPass("7 ms"),
        "GammaLowPass": lambda: cx.filters.GammaLowPass("7 ms", n=2),
        "PartialHighPass": lambda: cx.filters.PartialHighPass("7 ms", 0.8),
        "Gaussian": lambda: cx.filters.Gaussian("0.15 deg"),
        "SpaceTimeLowPass": lambda: cx.filters.SpaceTimeLowPass("0.15 deg", "7 ms", 1),
        "Conv1d": lambda: cx.filters.Conv1d(2, 1, 9),
        "Conv2d": lambda: cx.filters.Conv2d(2, 3, (4, 3)),
        "Conv3d": lambda: cx.filters.Conv3d(2, 2, (5, 3, 4)),
        "Conv3d long": lambda: cx.filters.Conv3d(2, 1, (40, 7, 7)),
        "RF": lambda: cx.filters.RF(2, 2, (5, 3, 4)),
        "NoisyLIF": lambda: cx.spiking.NoisyLIF(random_init=True, refractory_sd="1 ms"),
        "LN": lambda: cx.models.LN((5, 3, 3), in_channels=2),
        "LN of one cell": lambda: cx.models.LN((5, 4, 4), population=False, in_channels=2),
        "OPL": lambda: OPL(OPLConfig(center_n=1)),
        "Bipolar": lambda: Bipolar(BipolarConfig(adaptation_gain="80 Hz")),
        "Bipolar without gain control": lambda: Bipolar(),
        "Ganglion": lambda: Ganglion(GanglionConfig("on", pooling_sigma="0.1 deg")),
        "Ganglion current": lambda: Ganglion(GanglionConfig("off", sign=-1), spikes=False),
        "Retina": lambda: _retina(),
        "Retina without spikes": lambda: _retina(preset="primate", spikes=False),
        "Stack": Stack,
    }.items()
}
#: kernels whose sums depend on the length of what is summed at once
ROUNDING = {"Conv1d", "Conv2d", "Conv3d", "Conv3d long", "RF", "LN", "LN of one cell", "Stack"}
CURRENT = {"NoisyLIF"}

every_layer = pytest.mark.parametrize("name", LAYERS)
chunkings = st.lists(st.integers(1, 9), min_size=1, max_size=STEPS)


def film(name: str = "", batch: int = 2, dtype: str = "float32") -> xr.DataArray:
    """Two films of two channels; for cells, currents that make them spike."""
    values = np.random.default_rng(5).random((batch, 2, STEPS, 5, 6)).astype(dtype)
    most = 400 if name in CURRENT else 1
    return cx.as_stimulus(values * most, dt="2 ms", pixel_size="0.1 deg", units="1", valid_range=(0, most))


def variables(result: xr.DataArray | xr.Dataset) -> dict[str, np.ndarray]:
    arrays = {"response": result} if isinstance(result, xr.DataArray) else result.data_vars
    return {str(name): array.values for name, array in arrays.items()}


def assert_same(name: str, got: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    assert got.keys() == wanted.keys()
    for key, value in wanted.items():
        if name in ROUNDING:
            error = np.linalg.norm(got[key].astype(float) - value) / max(np.linalg.norm(value.astype(float)), 1e-30)
            assert error < 1e-6, (key, error)
        else:
            np.testing.assert_array_equal(got[key], value, err_msg=key)


def cut(lengths: list[int]) -> list[slice]:
    edges = [min(edge, STEPS) for edge in np.cumsum([0, *lengths])]
    edges = [*dict.fromkeys([*edges, STEPS])]
    return [slice(start, stop) for start, stop in pairwise(edges)]


@every_layer
@settings(max_examples=10)
@given(lengths=chunkings)
def test_pieces_are_the_whole(name: str, lengths: list[int]) -> None:
    stimulus, whole, pieces = film(name), LAYERS[name](), LAYERS[name]()
    wanted = variables(whole(stimulus))
    parts = [variables(pieces(stimulus.isel(time=part))) for part in cut(lengths)]
    got = {key: np.concatenate([part[key] for part in parts], axis=2) for key in wanted}
    assert_same(name, got, wanted)
    as_numbers = [{path: value.numpy() for path, value in model.get_state().items()} for model in (pieces, whole)]
    assert_same(name, *as_numbers)


@every_layer
@settings(max_examples=10)
@given(after=st.integers(1, STEPS - 1))
def test_the_future_does_not_change_the_past(name: str, after: int) -> None:
    stimulus = film(name)
    changed = stimulus.copy(deep=True)
    changed[:, :, after:] = stimulus.values[:, :, after:][..., ::-1] * 0.5
    one, other = variables(LAYERS[name]()(stimulus)), variables(LAYERS[name]()(changed))
    before = [{key: value[:, :, :after] for key, value in made.items()} for made in (one, other)]
    for key, value in before[0].items():
        if name == "Conv3d long":  # a Fourier transform sees its whole block, and rounds
            assert_same(name, {key: before[1][key]}, {key: value})
        else:
            np.testing.assert_array_equal(before[1][key], value)


@every_layer
def test_something_comes_out(name: str) -> None:
    assert all(np.ptp(value.astype(float)) > 0 for value in variables(LAYERS[name]()(film(name))).values())


@every_layer
def test_a_batch_is_its_entries_one_by_one(name: str) -> None:
    stimulus = film(name, batch=3)
    together = variables(LAYERS[name]()(stimulus))
    for entry in range(3):
        alone = variables(LAYERS[name]()(stimulus.isel(batch=[entry])))
        assert_same(name, alone, {key: value[[entry]] for key, value in together.items()})


@every_layer
@settings(max_examples=10)
@given(order=st.permutations(["batch", "channel", "time", "y", "x"]), upward=st.booleans())
def test_dimensions_may_come_in_any_order(name: str, order: list[str], upward: bool) -> None:
    stimulus = film(name)
    shuffled = stimulus.transpose(*order)
    if upward:
        shuffled = shuffled.isel(y=slice(None, None, -1))
    np.testing.assert_equal(variables(LAYERS[name]()(shuffled)), variables(LAYERS[name]()(stimulus)))


@pytest.mark.parametrize("name", [name for name in LAYERS if name not in ("NoisyLIF", "Ganglion", "Retina", "Stack")])
def test_single_precision_is_close_to_double(name: str) -> None:
    single = variables(LAYERS[name]()(film(name)))
    double = variables(LAYERS[name]()(film(name).astype("float64")))
    for key, value in double.items():
        assert value.dtype == np.float64
        assert single[key].dtype == np.float32
        np.testing.assert_allclose(single[key], value, rtol=2e-5, atol=2e-5 * np.abs(value).max(), err_msg=key)


def test_plain_torch_modules_are_fed_in_their_own_precision() -> None:
    assert LAYERS["Stack"]()(film().astype("float64")).dtype == np.float32
    assert LAYERS["Stack"]().double()(film()).dtype == np.float64


@every_layer
def test_labels_and_units_come_back(name: str) -> None:
    stimulus = film(name)
    result = LAYERS[name]()(stimulus)
    arrays = [result] if isinstance(result, xr.DataArray) else list(result.data_vars.values())
    for array in arrays:
        assert array.attrs["units"] in ("1", "Hz", "count")
        assert array.time.identical(stimulus.time)
        if array.sizes["y"] == stimulus.sizes["y"]:
            assert array.x.identical(stimulus.x)


@every_layer
def test_a_saved_model_is_the_same(name: str, tmp_path: object) -> None:
    one, other = LAYERS[name](), LAYERS[name]()
    for parameter in other.parameters():
        if parameter.requires_grad and parameter.ndim:
            parameter.data = parameter.data * 3
    one.save_parameters(f"{tmp_path}/p.npz")
    other.load_parameters(f"{tmp_path}/p.npz")
    np.testing.assert_equal(variables(other(film(name))), variables(one(film(name))))


@every_layer
def test_a_run_leaves_the_model_alone(name: str) -> None:
    model = LAYERS[name]()
    context = model.new_context(InputInfo(cx.Sampling("2 ms", "0.1 deg"), "1", (0, 1)))
    with torch.no_grad():
        model.advance(context, torch.rand(1, 2, 4, 5, 6))
    assert model.get_state() == {}
    assert bool(context.state) == bool(model._named_states())
