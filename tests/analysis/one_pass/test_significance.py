"""Averages beside those of shifted responses: against plain loops over shifts, and against chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

import convis_xr as cx
from convis_xr.analysis.one_pass import pairs

LAGS = 3


def film(steps: int = 300, seed: int = 3) -> xr.DataArray:
    values = np.random.default_rng(seed).normal(2.0, 1.0, (steps, 2, 3)) * [1.0, 5.0, 1.0]
    return cx.as_stimulus(values, dt="10 ms", pixel_size="0.1 deg", units="cd/m^2")


def counts(stimulus: xr.DataArray, cells: int = 3, seed: int = 4) -> xr.DataArray:
    values = np.random.default_rng(seed).poisson(0.3, (stimulus.sizes["time"], cells)).astype(np.uint8)
    return xr.DataArray(values, {"time": stimulus.time}, ("time", "cell"), attrs={"units": "count"})


@pytest.mark.parametrize("statistic", ["peak", "norm"])
@pytest.mark.parametrize(("block", "memory"), [(2**25, "1 GiB"), (500, "1 GiB"), (2**25, "2 kB")])
def test_every_shift_is_an_average_of_its_own(
    statistic: str, block: int, memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last reads the stimulus once for two shifts."""
    stimulus, response = film(), counts(film())
    monkeypatch.setattr(pairs, "BLOCK_BYTES", block)
    with cx.set_options(memory=memory):
        found = cx.analysis.sta_significance(stimulus.chunk(time=40), response, LAGS, shifts=20, statistic=statistic)
    shifts = np.rint(found.shifted_by.values / 0.01).astype(int)
    assert len(set(shifts)) == 20
    assert LAGS <= shifts.min() <= shifts.max() <= 300 - (LAGS - 1) - LAGS
    mean, spread = stimulus.mean("time"), stimulus.std("time")
    late = response[LAGS - 1 :]
    rows = []
    for shift in (0, *shifts):
        moved = response.copy()
        moved[LAGS - 1 :] = np.roll(late.values, shift, axis=0)
        rows.append((cx.analysis.sta(stimulus, moved, LAGS) - mean) / spread)
    rows = np.array(rows)
    rows /= np.sqrt(np.square(rows[1:]).mean((0, 2, 3, 4)))[:, None, None, None]
    np.testing.assert_allclose(found.z, rows[0], rtol=1e-9)
    axes = (2, 3, 4)
    size = np.abs(rows).max(axes) if statistic == "peak" else np.sqrt(np.square(rows).sum(axes))
    np.testing.assert_allclose(found.statistic, size[0], rtol=1e-9)
    np.testing.assert_allclose(found.null, size[1:], rtol=1e-9)
    np.testing.assert_allclose(found.p, (1 + (size[1:] >= size[0]).sum(0)) / 21)
    assert found.null.dims == ("surrogate", "cell")
    np.testing.assert_array_equal(found.spikes, late.sum("time"))
    np.testing.assert_array_equal(found.left_out, response[: LAGS - 1].sum("time"))


def test_chance_is_found_as_often_as_it_should_be() -> None:
    """300 cells that see nothing, bursting, and a stimulus that is correlated in time: p is uniform."""
    draw = np.random.default_rng(8)
    noise = draw.normal(size=(1500, 2, 2))
    smooth = noise[2:] + noise[1:-1] + noise[:-2]
    stimulus = cx.as_stimulus(smooth, dt="10 ms", pixel_size="0.1 deg", units="1")
    bursts = np.repeat(draw.poisson(0.1, (500, 300)), 3, axis=0)[:1498]
    response = xr.DataArray(bursts, {"time": stimulus.time}, ("time", "cell"), attrs={"units": "count"})
    found = cx.analysis.sta_significance(stimulus, response, 4, shifts=39, min_shift="0.2 s")
    assert float(found.z.std()) == pytest.approx(1, abs=0.1)
    for level in (0.05, 0.25, 0.5):
        rate = float((found.p <= level + 1e-9).mean())
        assert abs(rate - level) < 4 * np.sqrt(level * (1 - level) / 300), level


def test_a_cell_that_sees_is_found_at_its_place() -> None:
    stimulus = film(2000)
    drive = stimulus.shift(time=2, fill_value=2.0)[:, 1, 0]
    values = np.stack([np.random.default_rng(1).poisson(np.exp(0.8 * (drive - 3))), np.zeros(2000)], 1)
    response = xr.DataArray(values, {"time": stimulus.time}, ("time", "cell"), attrs={"units": "count"})
    found = cx.analysis.sta_significance(stimulus, response, LAGS, shifts=99)
    assert float(found.p[0]) == 0.01
    assert np.unravel_index(int(np.argmax(abs(found.z[0].values))), (LAGS, 2, 3)) == (2, 1, 0)
    assert found.p[1].isnull()
    assert found.z[1].isnull().all()


def test_seeds_draw_the_shifts() -> None:
    stimulus, response = film(), counts(film())
    first, again, other = (cx.analysis.sta_significance(stimulus, response, 2, shifts=9, seed=s) for s in (1, 1, 2))
    xr.testing.assert_identical(first, again)
    assert not np.array_equal(first.shifted_by, other.shifted_by)


def test_pixels_that_do_not_change_tell_nothing() -> None:
    stimulus = film().copy()
    stimulus[:, 0, 0] = 7.123
    found = cx.analysis.sta_significance(stimulus, counts(stimulus), 2, shifts=9)
    assert found.z[:, :, 0, 0].isnull().all()
    assert int(found.z.isnull().sum()) == 2 * 3
    assert found.p.notnull().all()
    stimulus[:] = 7.123
    nothing = cx.analysis.sta_significance(stimulus, counts(stimulus), 2, shifts=9)
    assert nothing.z.isnull().all()
    assert nothing.p.isnull().all()


def test_one_spike_is_no_more_than_chance() -> None:
    stimulus = film()
    response = counts(stimulus) * 0
    response[100] = 1
    found = cx.analysis.sta_significance(stimulus, response.assign_attrs(units="count"), 2, shifts=99)
    assert (found.p > 0.01).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shifts": 0}, "shifts: wanted an int, 1 to 296"),
        ({"shifts": 3.0}, "an int, 1 to 296.* got 3.0"),
        ({"shifts": 400}, "a longer recording"),
        ({"min_shift": "2 s"}, "shifts: wanted an int, 1 to 0"),
        ({"statistic": "power"}, "statistic: wanted 'peak' or 'norm', got 'power'"),
        ({"window": 0}, "window: wanted"),
    ],
)
def test_what_cannot_be_asked(options: dict[str, object], words: str) -> None:
    stimulus = film()
    arguments = {"window": 2, **options}
    with pytest.raises(cx.ContractError, match=words):
        cx.analysis.sta_significance(stimulus, counts(stimulus), **arguments)  # type: ignore[arg-type]


Change = Callable[[xr.DataArray], xr.DataArray]


@pytest.mark.parametrize(
    ("change", "words"), [(lambda r: r - 1.0, "counts of 0 or more"), (lambda r: r.where(r > 0), "fillna")]
)
def test_what_cannot_be_shifted(change: Change, words: str) -> None:
    with pytest.raises(cx.ContractError, match=words):
        cx.analysis.sta_significance(film(), change(counts(film())), 2)


def test_no_shift_is_none_at_all() -> None:
    stimulus = film()
    response = counts(stimulus)
    steps = response.sizes["time"] - 1
    found = cx.analysis.sta_significance(stimulus, response, 2, shifts=steps - 1, min_shift=0)
    assert found.shifted_by.min() > 0
    assert found.shifted_by.max() < (steps - 0.5) * 0.01


@pytest.mark.parametrize("name", ["y_", "surrogate"])
def test_dimensions_of_results_are_no_cells(name: str) -> None:
    stimulus = film()
    with pytest.raises(cx.ContractError, match=f"dimension '{name}', which results have"):
        cx.analysis.sta_significance(stimulus, counts(stimulus).rename(cell=name), 2)
