from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from scipy.interpolate import CubicHermiteSpline
from scipy.ndimage import map_coordinates

import convis_xr as cx

GRID = {"dt": "1 ms", "pixel_size": "0.1 deg"}


def _film(shape: tuple[int, ...] = (12, 20, 30), dtype: str = "float64") -> xr.DataArray:
    values = np.random.default_rng(0).random(shape)
    if dtype == "uint8":
        values = (values * 255).astype(dtype)
    limits = (0, 255) if dtype == "uint8" else (0, 1)
    return cx.as_stimulus(values, units="1", valid_range=limits, **GRID)


def _path(places: np.ndarray) -> xr.DataArray:
    like = cx.stimuli.straight_path(len(places), speed="0 deg/s", dt="1 ms")
    return like.copy(data=places)


def _random_path(steps: int = 12) -> xr.DataArray:
    return _path(np.random.default_rng(1).normal(scale=0.3, size=(steps, 2)))


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_a_constant_film_stays_constant(kind: str) -> None:
    film = xr.full_like(_film(), 0.3)
    np.testing.assert_allclose(cx.stimuli.move(film, _random_path(), interpolation=kind), 0.3, rtol=1e-12)


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_whole_pixels_are_exact(kind: str) -> None:
    film = _film()
    path = _path(np.tile([0.2, -0.3], (12, 1)))
    moved = cx.stimuli.move(film, path, interpolation=kind)
    # looking two pixels up and three to the left
    np.testing.assert_array_equal(moved.values[:, 2:, 3:], film.values[:, :-2, :-3])
    np.testing.assert_array_equal(moved.values[:, 0, 3:], film.values[:, 0, :-3])
    np.testing.assert_array_equal(moved.values[:, 2:, 0], film.values[:, :-2, 0])
    xr.testing.assert_identical(cx.stimuli.move(film, _path(np.zeros((12, 2))), interpolation=kind).load(), film)


def test_linear_interpolation_is_that_of_scipy() -> None:
    film, path = _film(), _random_path()
    moved = cx.stimuli.move(film, path).values
    rows, columns = np.mgrid[:20, :30]
    for step, (up, right) in enumerate(path.values):
        where = [rows - up / 0.1, columns + right / 0.1]
        np.testing.assert_allclose(
            moved[step], map_coordinates(film.values[step], where, order=1, mode="nearest"), atol=1e-9
        )


def _worst(kind: str, rate: float) -> float:
    """The greatest error for a sinusoid of ``rate`` cycles per pixel, by an interpolation of one dimension."""
    samples, places = np.arange(-60.0, 60.0), np.linspace(-40, 40, 4001)
    signal = np.cos(2 * np.pi * rate * samples)
    if kind == "linear":
        made = np.interp(places, samples, signal)
    else:
        made = CubicHermiteSpline(samples, signal, np.gradient(signal))(places)
    return float(np.abs(made - np.cos(2 * np.pi * rate * places)).max())


@pytest.mark.parametrize(("kind", "frequency"), [("linear", 0.25), ("cubic", 0.25), ("cubic", 1.0)])
def test_a_grating_is_the_grating_shifted(kind: str, frequency: float) -> None:
    options = {"spatial_frequency": f"{frequency} cycle/deg", "direction": "30 deg", "dtype": "float64", **GRID}
    grating = cx.stimuli.moving_grating(12, (40, 40), temporal_frequency="10 Hz", **options)
    places = np.random.default_rng(2).uniform(-0.4, 0.4, (12, 2))
    moved = cx.stimuli.move(grating, _path(places), interpolation=kind)
    y, x, t = (grating[name].values for name in ("y", "x", "time"))
    u = np.cos(np.pi / 6) * (x[None, None, :] + places[:, 1, None, None])
    u = u + np.sin(np.pi / 6) * (y[None, :, None] + places[:, 0, None, None])
    expected = 0.5 * (1 + np.cos(2 * np.pi * (frequency * u - 10 * t[:, None, None])))
    inside = slice(6, -6)
    difference = np.abs(moved.values - expected)[:, inside, inside].max()
    along_x, along_y = (_worst(kind, frequency * 0.1 * part) for part in (np.cos(np.pi / 6), np.sin(np.pi / 6)))
    assert difference < 0.5 * (along_x + along_y + along_x * along_y)
    assert difference < 0.01


@pytest.mark.parametrize("shape", [(12, 20, 30), (2, 12, 20, 30), (2, 3, 12, 20, 30)])
def test_it_is_lazy_and_does_not_depend_on_blocks(shape: tuple[int, ...]) -> None:
    film = _film(shape)
    whole = cx.stimuli.move(film, _random_path())
    assert whole.chunks is not None
    cut = film.chunk({"time": 5, "y": 7, "x": 11})
    xr.testing.assert_identical(cx.stimuli.move(cut, _random_path()).load(), whole.load())
    first = film.isel({dim: 0 for dim in film.dims if dim in ("batch", "channel")}, drop=True)
    alone = cx.stimuli.move(first, _random_path())
    np.testing.assert_array_equal(alone, whole.isel({dim: 0 for dim in film.dims if dim in ("batch", "channel")}))

    def fail(*_: object) -> np.ndarray:
        raise AssertionError("computed")

    blocks = da.map_blocks(fail, chunks=((6, 6), (20,), (30,)), dtype="float32", meta=np.empty((0, 0, 0), "float32"))
    cx.stimuli.move(_film().copy(data=blocks), _random_path())


def test_film_of_bytes_becomes_floating_and_keeps_its_range_and_unit() -> None:
    film = _film(dtype="uint8")
    moved = cx.stimuli.move(film, _random_path(), interpolation="cubic")
    assert moved.dtype == "float32"
    assert moved.attrs == film.attrs
    assert 0 <= float(moved.min()) <= float(moved.max()) <= 255


def test_bad_input_is_told() -> None:
    film = _film()
    with pytest.raises(cx.ContractError, match="path: wanted 12 time steps of 1 ms, those of the film, got 11 of 1 ms"):
        cx.stimuli.move(film, _random_path(11))
    other = cx.stimuli.straight_path(12, speed="0 deg/s", dt="2 ms")
    with pytest.raises(cx.ContractError, match="got 12 of 2 ms"):
        cx.stimuli.move(film, other)
    with pytest.raises(cx.ContractError, match="stimulus: wanted y and x"):
        cx.stimuli.move(film[:, 0, 0], _random_path())
    with pytest.raises(cx.ContractError, match="interpolation: wanted one of"):
        cx.stimuli.move(film, _random_path(), interpolation="nearest")
    with pytest.raises(cx.ContractError, match="path: wanted a DataArray"):
        cx.stimuli.move(film, "0 deg")  # type: ignore[arg-type]
    with pytest.raises(cx.ContractError, match="path: wanted visual angles"):
        cx.stimuli.move(film, _random_path().assign_attrs(units="s"))
    with pytest.raises(cx.ContractError, match="path: wanted finite places"):
        cx.stimuli.move(film, _random_path() * np.nan)
