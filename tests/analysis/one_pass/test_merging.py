"""Moments of parts add up to those of the whole."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import dask
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from tests.analysis.one_pass.test_single_pass import film, seen


def assert_close(found: xr.Dataset, wanted: xr.Dataset, within: float) -> None:
    """Sums of one origin, each relative to its largest."""
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        assert found[name].dims == value.dims
        assert found[name].attrs == value.attrs
        error = float(abs(found[name] - value).max() / max(float(abs(value).max()), 1e-300))
        assert error <= within, (name, error)


def _seen_from(first: xr.Dataset, other: xr.Dataset) -> xr.Dataset:
    """The same sums with the origin of the first."""
    none = {name: value * 0 for name, value in first.items() if name != "origin"}
    return cx.analysis.merge(
        first.assign({name: value.assign_attrs(first[name].attrs) for name, value in none.items()}), other
    )


@given(
    cuts=st.lists(st.integers(4, 49), max_size=3, unique=True),
    dtype=st.sampled_from(["u1", "f8"]),
    gaps=st.sampled_from(["none", "shared", "own"]),
)
def test_stretches_with_their_history_are_the_whole(cuts: list[int], dtype: str, gaps: str) -> None:
    stimulus = film(dtype=dtype)
    response = seen(stimulus, 3, 2, gaps)
    auto = gaps != "own"
    whole = cx.analysis.moments(stimulus, response, 4, auto=auto)
    ends = [0, *sorted(cuts), 50]
    parts = []
    for low, high in itertools.pairwise(ends):
        history = stimulus.isel(time=slice(max(0, low - 3), high))
        parts.append(cx.analysis.moments(history, response.isel(time=slice(low, high)), 4, auto=auto))
    merged = cx.analysis.merge(*parts)
    assert_close(merged, _seen_from(parts[0], whole), 1e-12)


def test_origins_are_brought_together_exactly() -> None:
    dark, bright = film(), film(seed=9) + 40
    bright.attrs = dark.attrs
    responses = [seen(stimulus, 2, 1, "shared") for stimulus in (dark, bright)]
    parts = [
        cx.analysis.moments(stimulus, r, 3, auto=True) for stimulus, r in zip((dark, bright), responses, strict=True)
    ]
    assert float(parts[1].origin - parts[0].origin) > 30
    merged = cx.analysis.merge(*parts)
    rows = [cx.analysis.merge(parts[number], parts[1 - number]) for number in (0, 1)]
    assert float(rows[1].origin) == float(parts[1].origin)
    # what does not depend on the origin: the covariance of the windows, and of windows and responses
    for one in rows:
        flat = one.stimulus.values.ravel() / float(one.steps)
        square = one["auto"].values.reshape(18, 18) / float(one.steps) - np.outer(flat, flat)
        both = np.concatenate([_rows(s, r) for s, r in zip((dark, bright), responses, strict=True)])
        np.testing.assert_allclose(square, np.cov(both.T, bias=True), rtol=1e-9, atol=1e-9)
    assert float(merged.steps) == sum(float(part.steps) for part in parts)


def _rows(stimulus: xr.DataArray, response: xr.DataArray) -> np.ndarray:
    kept = [t for t in range(2, 50) if np.isfinite(response.values[0, t, 0])]
    return np.array([stimulus.values[t - 2 : t + 1][::-1].ravel() for t in kept])


def test_gaps_that_only_one_part_has() -> None:
    stimulus = film()
    shared, own = seen(stimulus, 2, 1, "shared"), seen(stimulus, 2, 1, "own", seed=7)
    first, second = (cx.analysis.moments(stimulus, response, 3) for response in (shared, own))
    merged = cx.analysis.merge(first, second)
    assert merged.steps.dims == ("cell",)
    assert merged.stimulus.dims == ("cell", "time", "y", "x")
    moved = second.stimulus + (second.origin - first.origin) * second.steps
    np.testing.assert_allclose(merged.stimulus, (first.stimulus + moved).transpose("cell", ...), atol=1e-12)
    np.testing.assert_allclose(cx.analysis.merge(second, first).steps, merged.steps, rtol=0)


def test_workers_add_up() -> None:
    """As the page on receptive fields tells it: each worker opens the stimulus itself."""
    response = seen(film(), 2, 1, "none")

    def part(low: int, high: int) -> xr.Dataset:
        return cx.analysis.moments(film().chunk(time=7), response.isel(time=slice(low, high)), 4)

    made = [dask.delayed(part)(low, low + 25) for low in (0, 25)]
    merged = dask.delayed(cx.analysis.merge)(*made).compute(scheduler="threads", num_workers=2)
    assert_close(merged, _seen_from(merged, cx.analysis.moments(film(), response, 4)), 1e-12)


def _scaled(moments: xr.Dataset) -> xr.Dataset:
    return moments.assign(cross=moments.cross.assign_attrs(units="1"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_scaled, "moments 1: wanted cross as the first has it, got one that is in 1, not count"),
        (lambda m: m.assign_coords(time=m.time * 2), "time as the first has it, got one that has other values"),
        (lambda m: m.assign_coords(x=m.x + 0.05), "x as the first has it, got one that has other values"),
        (lambda m: m.assign_coords(cell=["c1", "c0"]), "cell as the first has it"),
        (lambda m: m.isel(cell=[0]), "sizes"),
        (lambda m: m.drop_vars("auto"), "auto in all or in none"),
        (lambda m: m.drop_vars("steps"), "wanted moments, got a Dataset of"),
        (lambda m: m.cross, "wanted moments, got DataArray"),
    ],
)
def test_what_does_not_belong_together_is_refused(change: Callable[[xr.Dataset], xr.Dataset], words: str) -> None:
    stimulus = film()
    first = cx.analysis.moments(stimulus, seen(stimulus, 2, 1, "none"), 3, auto=True)
    with pytest.raises(cx.ContractError, match=words):
        cx.analysis.merge(first, change(first))


def test_nothing_cannot_be_merged() -> None:
    with pytest.raises(cx.ContractError, match="at least one"):
        cx.analysis.merge()


def test_labels_that_are_missing_are_alike() -> None:
    flicker = cx.stimuli.white_noise("1 s", 2, dt="10 ms", pixel_size="0.1 deg", seed=1)
    counts = np.ones((100, 2))
    coords = {"time": flicker.time, "cell": [1.0, np.nan]}
    sums = cx.analysis.moments(flicker, xr.DataArray(counts, coords, ("time", "cell"), attrs={"units": "count"}), 2)
    assert float(cx.analysis.merge(sums, sums).steps) == 2 * float(sums.steps)
