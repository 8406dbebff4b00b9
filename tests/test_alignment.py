from __future__ import annotations

import dask.array as da
import numpy as np
import pint_xarray  # noqa: F401 - registers the accessor
import pytest
import xarray as xr

import convis_xr as cx
from convis_xr.alignment import MODES

GRID = {"dt": "1 ms", "pixel_size": "0.1 deg", "units": "1"}


def _film(shape: tuple[int, ...] = (10, 6, 8), seed: int = 0) -> xr.DataArray:
    return cx.as_stimulus(np.random.default_rng(seed).random(shape), **GRID)


def test_a_part_goes_where_its_coordinates_say() -> None:
    film = _film()
    part = film[3:7, 1:4, 2:]
    aligned = cx.align(part, film)
    expected = xr.zeros_like(film)
    expected[3:7, 1:4, 2:] = part
    xr.testing.assert_identical(aligned, expected)
    np.testing.assert_array_equal((film - aligned)[3:7, 1:4, 2:], 0.0)
    xr.testing.assert_identical(cx.align(film, part), part)
    xr.testing.assert_identical(cx.align(film, film), film)
    beside = cx.align(film[:6], film[4:])
    np.testing.assert_array_equal(beside[:2], film[4:6])
    assert not beside[2:].any()


def test_frames_of_another_size_are_centred_by_their_coordinates() -> None:
    small, large = _film((3, 4, 4)), _film((3, 8, 6))
    aligned = cx.align(small, large)
    np.testing.assert_array_equal(aligned[:, 2:6, 1:5], small)
    with pytest.raises(cx.ContractError, match=r"y: wanted samples at those of b, got 0\.5 of a step beside them"):
        cx.align(_film((3, 5, 4)), large)


def test_units_of_coordinates_and_orders_do_not_matter() -> None:
    film = _film()
    part = film[3:7].isel(y=slice(None, None, -1)).transpose("x", "time", "y")
    part = part.assign_coords(time=(part.time * 1000).assign_attrs(units="ms"))
    xr.testing.assert_equal(cx.align(part, film).transpose(*film.dims), cx.align(film[3:7], film))
    single = film[4:5]
    np.testing.assert_array_equal(cx.align(single, film)[4], film[4])


@pytest.mark.parametrize(("place", "first"), [("begin", 0), ("center", 2), ("end", 5)])
def test_by_place(place: str, first: int) -> None:
    film, part = _film((10, 6, 8)), _film((5, 6, 8), seed=1)
    aligned = cx.align(part, film, where={"time": place})
    np.testing.assert_array_equal(aligned[first : first + 5], part)
    assert float(abs(aligned).sum()) == pytest.approx(float(part.sum()))
    np.testing.assert_array_equal(aligned.time, film.time)
    cut = cx.align(film, part, where=place)
    begin = {"begin": 0, "center": 3, "end": 5}[place]
    np.testing.assert_array_equal(cut, film[begin : begin + 5])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("lazy", [False, True])
def test_numpys_ways_of_padding(mode: str, lazy: bool) -> None:
    film, part = _film((12, 4, 6)), _film((5, 4, 4), seed=1)
    given = part.chunk({"time": 2}) if lazy else part
    where = {"time": "center", "x": "begin"}
    if lazy and mode == "median":
        with pytest.raises(cx.ContractError, match="fill: wanted a way that dask pads, too"):
            cx.align(given, film, where=where, fill=mode)
        return
    aligned = cx.align(given, film, where=where, fill=mode, end=0.25)
    assert (aligned.chunks is not None) is lazy
    options = {"end_values": 0.25} if mode == "linear_ramp" else {}
    expected = np.pad(part.values, [(3, 4), (0, 0), (0, 2)], mode, **options)  # type: ignore[call-overload]
    np.testing.assert_allclose(aligned, expected, rtol=1e-12)


@pytest.mark.parametrize(("mode", "most"), [("reflect", 2), ("symmetric", 3), ("wrap", 3)])
def test_a_lazy_array_is_mirrored_once(mode: str, most: int) -> None:
    film, part = _film((9, 2, 2)), _film((3, 2, 2))
    expected = np.pad(part.values, [(0, 6), (0, 0), (0, 0)], mode)  # type: ignore[call-overload]
    np.testing.assert_array_equal(cx.align(part, film, fill=mode), expected)
    with pytest.raises(cx.ContractError, match=f"fill: wanted at most {most} samples by {mode}, got 6 along time"):
        cx.align(part.chunk({"time": 2}), film, fill=mode)
    short = film[: 3 + most]
    np.testing.assert_array_equal(cx.align(part.chunk({"time": 2}), short, fill=mode), expected[: 3 + most])


def test_nothing_is_computed() -> None:
    def fail(*_: object) -> np.ndarray:
        raise AssertionError("computed")

    blocks = da.map_blocks(fail, chunks=((5, 5), (6,), (8,)), dtype="float64", meta=np.empty((0, 0, 0)))
    film = _film()
    assert cx.align(film.copy(data=blocks)[2:8], film, fill="edge").chunks is not None


def test_whole_numbers_stay_whole_where_they_can() -> None:
    counts = cx.as_stimulus(np.arange(4, dtype="uint8"), dt="1 ms", units="count")
    longer = cx.as_stimulus(np.zeros(6), dt="1 ms", units="count")
    assert cx.align(counts, longer).dtype == "uint8"
    for fill in (0.5, -1, 300, np.nan):
        aligned = cx.align(counts, longer, fill=fill)
        assert aligned.dtype.kind == "f"
        np.testing.assert_array_equal(aligned.values[4:], np.float32(fill))
    np.testing.assert_allclose(cx.align(counts, longer, fill="linear_ramp").values, [0, 1, 2, 3, 1.5, 0])


def test_values_come_in_the_unit_of_the_other() -> None:
    rate = cx.as_stimulus([1.0, 2.0], dt="1 ms", units="kHz")
    other = cx.as_stimulus([0.0, 0.0, 0.0], dt="1 ms", units="Hz")
    aligned = cx.align(rate, other, fill="5 kHz")
    assert aligned.attrs["units"] == "Hz"
    np.testing.assert_allclose(aligned, [1000, 2000, 5000])
    np.testing.assert_allclose(cx.align(rate.pint.quantify(), other, fill=7.0), [1000, 2000, 7])
    with pytest.raises(cx.UnitError, match=r"a\.units"):
        cx.align(rate, other.assign_attrs(units="deg"))
    with pytest.raises(cx.UnitError, match="units: wanted units of both"):
        cx.align(rate.drop_attrs(deep=False), other)
    with pytest.raises(cx.UnitError, match="fill"):
        cx.align(rate, other, fill="3 deg")


def test_labels_that_are_names_or_dates() -> None:
    names = xr.DataArray([1.0, 2.0], {"cell": ["b", "c"]}, ["cell"])
    cells = xr.DataArray(np.zeros(4), {"cell": ["a", "b", "c", "d"]}, ["cell"])
    np.testing.assert_array_equal(cx.align(names, cells), [0, 1, 2, 0])
    dates = np.datetime64("2020-01-01") + np.arange(5).astype("timedelta64[D]")
    days = xr.DataArray(np.arange(5.0), {"time": dates}, ["time"])
    np.testing.assert_array_equal(cx.align(days[2:4], days), [0, 0, 2, 3, 0])
    with pytest.raises(cx.ContractError, match="cell: wanted labels in the order that b has"):
        cx.align(names, cells.assign_coords(cell=["c", "b", "x", "y"]))
    bare = xr.DataArray([1.0, 2.0], dims=["cell"])
    np.testing.assert_array_equal(cx.align(bare, cells), [1, 2, 0, 0])


def test_other_dimensions_stay() -> None:
    film = _film()
    several = xr.concat([film[2:5], film[2:5]], "batch")
    aligned = cx.align(several, film)
    assert dict(aligned.sizes) == {"batch": 2, "time": 10, "y": 6, "x": 8}
    assert dict(cx.align(film[2:5, 0, 0], film).sizes) == {"time": 10}


def test_a_long_time_axis_is_not_written_out() -> None:
    long = cx.stimuli.uniform(2**24, 1, **{name: GRID[name] for name in ("dt", "pixel_size")})
    aligned = cx.align(long.isel(time=slice(0, 1000)), long)
    assert aligned.sizes["time"] == 2**24
    assert type(aligned.xindexes["time"]).__name__ == "RangeIndex"


def test_bad_input_is_told() -> None:
    film = _film()
    with pytest.raises(cx.ContractError, match="a: wanted a labelled DataArray"):
        cx.align(np.zeros(3), film)  # type: ignore[arg-type]
    with pytest.raises(cx.ContractError, match="b: wanted at least one sample"):
        cx.align(film, film[:0])
    with pytest.raises(cx.ContractError, match=r"a: wanted samples of a within b along time, got none"):
        cx.align(film[:3], film[5:])
    coarse = cx.as_stimulus(np.zeros((5, 6, 8)), **(GRID | {"dt": "2 ms"}))
    with pytest.raises(cx.ContractError, match=r"time: wanted steps of 0\.001, as b has, got 0\.002"):
        cx.align(coarse, film)
    with pytest.raises(cx.ContractError, match="time: wanted a uniform grid"):
        cx.align(film.isel(time=[0, 1, 4]), film)
    for wrong in ("middle", {"time": "left"}, {"cell": "begin"}):
        with pytest.raises(cx.ContractError, match="where: wanted begin, center, end"):
            cx.align(film, film, where=wrong)
    with pytest.raises(cx.ContractError, match="fill: wanted a value, or one of"):
        cx.align(film[:2], film, fill="zeros")
