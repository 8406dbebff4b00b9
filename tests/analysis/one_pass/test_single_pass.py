"""Moments from one pass, against the matrix of all windows written out."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.analysis.one_pass import pairs, sums
from tests.agreement import Agreement
from tests.analysis.design import plain_moments

BLOCKS = (1, 200, 3000, 2**25)


def film(steps: int = 50, dtype: str = "f8", shape: tuple[int, ...] = (2, 3), seed: int = 1) -> xr.DataArray:
    draw = np.random.default_rng(seed)
    values = draw.integers(0, 256, (steps, *shape)) if dtype[0] == "u" else draw.normal(3, 1, (steps, *shape))
    return cx.as_stimulus(values.astype(dtype), dt="10 ms", pixel_size="0.1 deg", units="cd/m^2")


def seen(stimulus: xr.DataArray, cells: int, repeats: int, gaps: str, seed: int = 2) -> xr.DataArray:
    """Counts with gaps that are none, shared by the cells, or each cell's own."""
    draw = np.random.default_rng(seed)
    values = draw.poisson(0.7, (repeats, stimulus.sizes["time"], cells)).astype(float)
    if gaps == "shared":
        values[draw.random(values.shape[:2]) < 0.3] = np.nan
    if gaps == "own":
        values[draw.random(values.shape) < 0.3] = np.nan
    coords = {"time": stimulus.time, "cell": [f"c{number}" for number in range(cells)]}
    return xr.DataArray(values, coords, ("repeat", "time", "cell"), attrs={"units": "count"})


def assert_same(found: xr.Dataset, wanted: dict[str, np.ndarray], within: float) -> None:
    for name, value in wanted.items():
        if name not in found:
            continue
        shared = "cell" not in found[name].dims
        value = value[0] if shared else value
        got = found[name].values.reshape(value.shape)
        error = np.abs(got - value).max() / max(np.abs(value).max(), 1e-300)
        assert error <= within, (name, error)


@given(
    lags=st.integers(1, 6),
    chunk=st.integers(1, 60),
    block=st.sampled_from(BLOCKS),
    product=st.sampled_from([1, 3, 16, 4096]),
    repeats=st.integers(1, 3),
    cells=st.integers(1, 3),
    gaps=st.sampled_from(["none", "shared", "own"]),
    dtype=st.sampled_from(["u1", "f4", "f8"]),
    auto=st.booleans(),
)
def test_sums_are_those_of_all_windows(
    lags: int, chunk: int, block: int, product: int, repeats: int, cells: int, gaps: str, dtype: str, auto: bool
) -> None:
    stimulus = film(dtype=dtype)
    response = seen(stimulus, cells, repeats, gaps)
    auto = auto and gaps != "own"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "BLOCK_BYTES", block)
        patch.setattr(sums, "BLOCK_BYTES", block)
        patch.setattr(pairs, "PRODUCT_STEPS", product)
        found = cx.analysis.moments(stimulus.chunk(time=chunk), response.chunk(time=13), lags, auto=auto)
    wanted = plain_moments(stimulus, response.values, lags, float(found.origin))
    assert_same(found, wanted, 1e-6 if dtype == "f4" and not auto else 1e-12)
    assert ("auto" in found) == auto
    assert ("cell" in found.steps.dims) == ("cell" in found.stimulus.dims)
    assert gaps == "own" or "cell" not in found.steps.dims


@given(order=st.permutations(["repeat", "time", "cell"]), film_order=st.permutations(["time", "y", "x"]))
def test_dimensions_may_come_in_any_order(order: list[str], film_order: list[str]) -> None:
    stimulus = film()
    response = seen(stimulus, 2, 2, "shared")
    wanted = cx.analysis.moments(stimulus, response, 3, auto=True)
    found = cx.analysis.moments(stimulus.transpose(*film_order), response.transpose(*order), 3, auto=True)
    xr.testing.assert_identical(found, wanted)


def test_what_comes_out_is_labelled() -> None:
    stimulus = film()
    found = cx.analysis.moments(stimulus, seen(stimulus, 2, 2, "none"), "30 ms", auto=True)
    assert {str(name): value.dims for name, value in found.items()} == {
        "steps": (),
        "responses": ("cell",),
        "responses_squared": ("cell",),
        "stimulus": ("time", "y", "x"),
        "cross": ("cell", "time", "y", "x"),
        "auto": ("time", "y", "x", "time_", "y_", "x_"),
        "left_out": ("cell",),
        "origin": (),
    }
    units = {str(name): value.attrs["units"] for name, value in found.items()}
    assert units["cross"] == "count*(cd/m^2)"
    assert units["auto"] == "(cd/m^2)^2"
    assert units["responses_squared"] == "(count)^2"
    assert units["stimulus"] == units["origin"] == "cd/m^2"
    for unit in units.values():
        cx.units.parse_unit(unit, "units")
    np.testing.assert_allclose(found.time, [0, 0.01, 0.02])
    assert found.time.attrs["units"] == "s"
    assert list(found.cell.values) == ["c0", "c1"]
    xr.testing.assert_equal(found.y, stimulus.y)


def test_a_response_without_cells_or_units_and_a_stimulus_without_space() -> None:
    flash = cx.as_stimulus(np.arange(20.0), dt="1 ms", units="1")
    response = xr.DataArray(np.zeros(20), {"time": flash.time}, ("time",))
    response[10] = 2
    found = cx.analysis.moments(flash, response, 3)
    assert found.cross.dims == ("time",)
    np.testing.assert_allclose(found.cross + found.origin * found.responses, [20, 18, 16])
    assert found.cross.attrs["units"] == "1"


@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_agreement_with_numpy(dtype: str, agreement: Agreement) -> None:
    stimulus = film(6000, dtype, (8, 8))
    response = seen(stimulus, 5, 1, "none")[0].astype("u1")
    found = cx.analysis.moments(stimulus, response, 25)
    part = stimulus[:, :4, :4]
    wanted = plain_moments(part, response.values[None].astype(float), 25, float(found.origin), auto=False)
    got = found.cross[..., :4, :4].values.reshape(5, -1)
    error = float(np.abs(got - wanted["cross"]).max() / np.abs(wanted["cross"]).max())
    within = 1e-12 if dtype == "f8" else 1e-6
    agreement(f"moments, cross: {stimulus.dtype} film", "numpy", "relative to the largest", error, within=within)
    if dtype == "u1":  # whole numbers stay whole
        np.testing.assert_array_equal(got, wanted["cross"])


def test_agreement_of_the_square_with_numpy(agreement: Agreement) -> None:
    stimulus = film(3000, "f4", (3, 3))
    response = seen(stimulus, 2, 3, "shared")
    found = cx.analysis.moments(stimulus, response, 8, auto=True)
    wanted = plain_moments(stimulus, response.values, 8, float(found.origin))["auto"][0]
    error = float(np.abs(found["auto"].values.reshape(72, 72) - wanted).max() / np.abs(wanted).max())
    agreement("moments, auto: repeats with gaps", "numpy", "relative to the largest", error, within=1e-12)


def test_a_dark_beginning_does_no_harm() -> None:
    stimulus = film(3000, "f4").copy()
    stimulus[:1000] = 0
    response = seen(stimulus, 2, 1, "none")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "BLOCK_BYTES", 2000)
        found = cx.analysis.moments(stimulus, response, 4)
    assert float(found.origin) == 0
    assert_same(found, plain_moments(stimulus, response.values, 4, 0.0), 1e-6)


def test_a_response_may_be_a_stretch_of_the_stimulus() -> None:
    stimulus = film()
    response = seen(stimulus, 2, 2, "shared")
    silent = response.where((response.time > 0.195) & (response.time < 0.295))
    part = response.isel(time=slice(20, 30))
    wanted = plain_moments(stimulus, silent.values, 4, float(cx.analysis.moments(stimulus, part, 4).origin))
    assert_same(cx.analysis.moments(stimulus, part, 4, auto=True), wanted, 1e-12)


def test_only_what_has_a_response_is_read_and_all_of_it_once() -> None:
    values, read = film(60).values, np.zeros(60, int)

    def block(block_info: Any) -> np.ndarray:
        low, high = block_info[None]["array-location"][0]
        read[low:high] += 1
        return values[low:high]

    lazy = da.map_blocks(block, chunks=((10,) * 6, (2,), (3,)), dtype="f8", meta=np.empty((0, 0, 0)))
    stimulus = film(60).copy(data=lazy)
    response = seen(stimulus, 3, 1, "own").isel(time=slice(24, 38))
    cx.analysis.moments(stimulus, response, 5)
    np.testing.assert_array_equal(read, [0] * 20 + [1] * 20 + [0] * 20)  # frames 20 to 37, by chunks of 10


def test_a_response_too_early_counts_as_left_out() -> None:
    stimulus = film()
    response = seen(stimulus, 2, 1, "none").isel(time=slice(0, 3))
    found = cx.analysis.moments(stimulus, response, 5, auto=True)
    assert int(found.steps) == 0
    np.testing.assert_array_equal(found.left_out, response.sum(("repeat", "time")))
    assert not found.cross.any()
    assert not found["auto"].any()


def test_silence_one_spike_and_a_constant_stimulus_are_sums_like_others() -> None:
    stimulus = film()
    response = seen(stimulus, 2, 1, "none")[0] * 0
    response[20, 1] = 1
    found = cx.analysis.moments(stimulus, response, 3)
    assert not found.cross[0].any()
    shown = stimulus[[20, 19, 18]].values - float(found.origin)
    np.testing.assert_allclose(found.cross[1], shown, rtol=1e-12)
    grey = cx.analysis.moments(stimulus * 0 + stimulus[0, 0, 0], response, 3, auto=True)
    assert float(abs(grey["auto"]).max()) < 1e-12


Change = Callable[[xr.DataArray, xr.DataArray], tuple[xr.DataArray, xr.DataArray]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s, r: (s, r.assign_coords(time=r.time + 0.004)), "time labels that are among"),
        (lambda s, r: (s, r.assign_coords(time=r.time * 2)), "time labels that are among"),
        (lambda s, r: (s, r.where(r.time > 0.1, np.inf)), "infinity"),
        (lambda s, r: (s.where(s.time > 0.1), r), "finite values"),
        (lambda s, r: (s.drop_attrs(), r), "units"),
        (lambda s, r: (s.expand_dims(channel=2), r), "one film"),
        (lambda s, r: (s, r.rename(cell="y")), "cells along a dimension"),
        (lambda s, r: (s, r.assign_attrs(units="spikes")), "units of the response"),
    ],
)
def test_what_does_not_fit_is_refused(change: Change, words: str) -> None:
    stimulus = film()
    stimulus, response = change(stimulus, seen(stimulus, 2, 1, "none"))
    with pytest.raises(cx.ConvisError, match=words):
        cx.analysis.moments(stimulus, response, 3)


def test_cells_with_other_gaps_share_no_autocorrelation() -> None:
    stimulus = film()
    with pytest.raises(cx.ContractError, match=r"cells that share their gaps.*one call for each group"):
        cx.analysis.moments(stimulus, seen(stimulus, 2, 1, "own"), 3, auto=True)


def test_what_does_not_fit_into_memory_is_refused() -> None:
    stimulus = film()
    response = seen(stimulus, 2, 1, "none")
    with cx.set_options(memory="10 kB"):
        cx.analysis.moments(stimulus, response, 5)
        with pytest.raises(cx.ContractError, match=r"square of 5 lags x 6 pixels.*fewer lags.*set_options"):
            cx.analysis.moments(stimulus, response, 5, auto=True)
    with cx.set_options(memory="100 B"), pytest.raises(cx.ContractError, match="2 cells and 30 weights"):
        cx.analysis.moments(stimulus, response, 5)


def test_gaps_of_every_length_and_place_give_the_exact_square() -> None:
    """Ends of the recording within one window of each other are where shortcuts would show."""
    stimulus = film(14)
    for holes in itertools.chain.from_iterable(itertools.combinations(range(14), size) for size in (0, 1, 2, 13)):
        response = seen(stimulus, 1, 1, "none")
        response[:, list(holes)] = np.nan
        found = cx.analysis.moments(stimulus, response, 4, auto=True)
        assert_same(found, plain_moments(stimulus, response.values, 4, float(found.origin)), 1e-12)
