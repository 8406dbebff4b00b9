"""Scores against sklearn, numpy, published formulas and plain loops; what holds for all chunkings; special cells."""

from __future__ import annotations

from collections.abc import Callable

import dask
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import r2_score

import convis_xr as cx
from convis_xr.analysis.scores import reduction
from tests.analysis.scores.simulated import over_time, signal_and_trials

analysis = cx.analysis
#: every score as a function of (prediction, response)
SCORES: dict[str, Callable[[xr.DataArray, xr.DataArray], xr.DataArray]] = {
    "correlation": analysis.correlation,
    "explained_variance": analysis.explained_variance,
    "feve": analysis.feve,
    "cc_norm": analysis.cc_norm,
    "explainable_variance": lambda _, response: analysis.explainable_variance(response),
    "noise_variance": lambda _, response: analysis.noise_variance(response),
    "cc_max": lambda _, response: analysis.cc_max(response),
    "oracle": lambda _, response: analysis.oracle(response),
    "bits_per_spike": lambda p, r: analysis.bits_per_spike(_counts(p), _counts(r)),
    "log_likelihood_ratio": lambda p, r: analysis.log_likelihood_ratio(_counts(p), _counts(p) * 2, _counts(r)),
}


def _counts(values: xr.DataArray) -> xr.DataArray:
    return abs(values).assign_attrs(units="count")


def weighted(prediction: np.ndarray, trials: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, mean of trials and prediction of the steps that have both; of one cell, by loops."""
    rows = []
    for step in range(len(prediction)):
        seen = [trial[step] for trial in trials if not np.isnan(trial[step])]
        if seen and not np.isnan(prediction[step]):
            rows.append((len(seen), sum(seen) / len(seen), prediction[step]))
    return tuple(np.array(rows).T)  # type: ignore[return-value]


def power(trials: np.ndarray) -> float:
    """Signal power by loops: covariance of each trial and the mean of the others, weighted by their number."""
    above = below = 0.0
    for one in range(len(trials)):
        rows = []
        for step in range(trials.shape[1]):
            others = [trials[other, step] for other in range(len(trials)) if other != one]
            others = [value for value in others if not np.isnan(value)]
            if others and not np.isnan(trials[one, step]):
                rows.append((len(others), trials[one, step], np.mean(others)))
        w, x, y = np.array(rows).T
        above += (w * (x - np.average(x, weights=w)) * (y - np.average(y, weights=w))).sum()
        below += w.sum() - (w**2).sum() / w.sum()
    return above / below


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("block", [1, 2**25])
def test_with_loops_and_sklearn(missing: float, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reduction, "BLOCK_BYTES", block)
    signal, trials = signal_and_trials(4, steps=60, missing=missing)
    prediction = (signal * 0.7 + 0.5).where(signal < 4).assign_attrs(units="mV")
    got = {name: score(prediction, trials) for name, score in SCORES.items()}
    for cell in range(3):
        p, r = prediction.values[:, cell], trials.values[:, :, cell]
        w, mean, shown = weighted(p, r)
        assert float(got["explained_variance"][cell]) == pytest.approx(r2_score(mean, shown, sample_weight=w))
        covariance = np.cov(shown, mean, aweights=w, ddof=0)
        wanted = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
        assert float(got["correlation"][cell]) == pytest.approx(wanted)
        kept = np.where(np.isnan(p), np.nan, r)
        unbiased = np.cov(shown, mean, aweights=w, ddof=1)
        wanted = unbiased[0, 1] / np.sqrt(unbiased[0, 0] * power(kept))
        assert float(got["cc_norm"][cell]) == pytest.approx(wanted)
        assert float(got["explainable_variance"][cell]) == pytest.approx(power(r))
        columns = [column[~np.isnan(column)] for column in kept.T]
        number = sum(len(column) for column in columns)
        noise = sum(((c - c.mean()) ** 2).sum() for c in columns if len(c)) / sum(len(c) - 1 for c in columns if len(c))
        error = np.nansum((kept - p) ** 2) / number
        assert float(got["feve"][cell]) == pytest.approx(1 - (error - noise) / power(kept))


@pytest.mark.parametrize("offset", [0.0, 3.0])
def test_published_formulas_for_whole_trials(offset: float) -> None:
    signal, trials = signal_and_trials(5, steps=5000)
    trials = (trials + offset * xr.DataArray(np.arange(5), dims="repeat")).assign_attrs(units="mV")
    got = {name: score(signal * 0.8 + 1, trials) for name, score in SCORES.items() if name != "explained_variance"
           if "feve" not in name}  # fmt: skip
    for cell in range(3):
        p, r = 0.8 * signal.values[:, cell] + 1, trials.values[:, :, cell]
        # Sahani & Linden 2003, eq. 1; Schoppe et al. 2016, eq. 7 and 8
        sp = (r.sum(0).var(ddof=1) - r.var(1, ddof=1).sum()) / (5 * 4)
        assert float(got["explainable_variance"][cell]) == pytest.approx(sp, rel=1e-10)
        norm = np.cov(p, r.mean(0))[0, 1] / np.sqrt(p.var(ddof=1) * sp)
        assert float(got["cc_norm"][cell]) == pytest.approx(norm, rel=1e-10)
        assert float(got["cc_max"][cell]) == pytest.approx(np.sqrt(sp / r.mean(0).var(ddof=1)), rel=1e-10)
        ratio = got["correlation"][cell] / got["cc_max"][cell]
        assert float(ratio) == pytest.approx(norm, rel=1e-10)
        others = (r.sum(0) - r) / 4
        assert float(got["oracle"][cell]) == pytest.approx(np.corrcoef(r.ravel(), others.ravel())[0, 1], rel=1e-10)


def test_feve_is_that_of_the_paper_but_for_a_part_of_1_over_t() -> None:
    signal, trials = signal_and_trials(4, steps=20000)
    prediction = (0.8 * signal).assign_attrs(units="mV")
    r, p = trials.values, prediction.values
    noise = r.var(0, ddof=1).mean(0)
    wanted = 1 - (((r - p) ** 2).mean((0, 1)) - noise) / (r.var((0, 1)) - noise)
    np.testing.assert_allclose(analysis.feve(prediction, trials), wanted, atol=3e-4)


@pytest.mark.parametrize("repeats", [2, 3, 20])
@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_noise_does_not_bias_what_is_corrected_for_it(repeats: int, missing: float) -> None:
    """The true model has FEVE 1 and CCnorm 1, and the signal its variance, whatever the number of trials."""
    signal, trials = signal_and_trials(repeats, steps=500, cells=400, noise=1.5, missing=missing, seed=repeats)
    true = signal.var("time", ddof=1)
    for score, wanted in (
        (analysis.feve(signal, trials), 1.0),
        (analysis.explainable_variance(trials) / true, 1.0),
        (analysis.noise_variance(trials), 1.5**2),
    ):
        error = float(score.std(ddof=1) / np.sqrt(400))
        assert abs(float(score.mean()) - wanted) < 3.5 * error
        assert error < 0.05
    # a ratio of square roots: its bias is of the order of its variance, so of 1/T
    signal, trials = signal_and_trials(repeats, steps=20000, cells=10, noise=1.5, missing=missing, seed=repeats)
    norm = analysis.cc_norm(signal, trials)
    assert abs(float(norm.mean()) - 1) < 3.5 * float(norm.std(ddof=1) / np.sqrt(10))
    assert float(norm.std()) < 0.05
    # what is not corrected is far from it
    expected = 1 / np.sqrt(1 + 1.5**2 / repeats)
    if not missing:
        assert float(analysis.correlation(signal, trials).mean()) == pytest.approx(expected, abs=0.01)
        assert float(analysis.cc_max(trials).mean()) == pytest.approx(expected, abs=0.01)


def test_half_a_model_explains_what_it_does() -> None:
    signal, trials = signal_and_trials(3, steps=20000, cells=2)
    half = (signal - 0.5 * (signal - signal.mean("time"))).assign_attrs(units="mV")
    np.testing.assert_allclose(analysis.feve(half, trials), 0.75, atol=0.03)  # the error has a quarter of the variance
    np.testing.assert_allclose(analysis.cc_norm(half, trials), 1.0, atol=0.02)
    np.testing.assert_allclose(analysis.feve(signal * 0 + 2, trials), 0.0, atol=0.03)


def test_bits_per_spike_by_loops_and_closed_form() -> None:
    rng = np.random.default_rng(3)
    rate = rng.gamma(1.0, 0.5, (80, 2))
    counts = rng.poisson(rate, (3, 80, 2)).astype(float)
    counts[1, 10:20] = np.nan
    prediction = over_time(rate / 0.01, ("time", "cell"), "Hz")
    response = over_time(counts, ("repeat", "time", "cell"))
    got = analysis.bits_per_spike(prediction, response)
    ratio = analysis.log_likelihood_ratio(prediction, (prediction * 1.5).assign_attrs(units="Hz"), response)
    for cell in range(2):
        seen = ~np.isnan(counts[:, :, cell])
        n, lam = counts[:, :, cell][seen], np.broadcast_to(rate[:, cell], (3, 80))[seen]
        mean = n.mean()
        wanted = sum(k * np.log(r / mean) - (r - mean) for k, r in zip(n, lam, strict=True)) / n.sum() / np.log(2)
        assert float(got[cell]) == pytest.approx(wanted, rel=1e-9)
        assert float(ratio[cell]) == pytest.approx((n * -np.log(1.5) + 0.5 * lam).sum(), rel=1e-9)
    # half the time silent: knowing when is worth one bit a spike
    known = over_time(np.tile([0.0, 3.0], 50))
    assert float(analysis.bits_per_spike(known, known)) == pytest.approx(1.0)
    assert float(analysis.bits_per_spike(known * 0 + 1.5, known)) == pytest.approx(0.0, abs=1e-12)


def test_rates_of_zero_and_below() -> None:
    counts = over_time(np.array([0.0, 1.0, 0.0, 2.0]))
    score = analysis.bits_per_spike
    assert float(score(over_time(np.array([0.0, 1.0, 0.0, 0.0])), counts)) == -np.inf  # a spike that cannot be
    assert np.isfinite(score(over_time(np.array([0.0, 1.0, 0.0, 1.0])), counts))
    assert np.isnan(score(over_time(np.array([-1.0, 1.0, 1.0, 1.0])), counts))
    assert np.isnan(score(over_time(np.ones(4)), counts - 1))
    assert np.isnan(score(over_time(np.ones(4)), counts * 0))
    one = over_time(np.array([0.0, 0.0, 1.0, 0.0]))
    assert float(score(over_time(np.full(4, 0.25)), one)) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("level", [0.0, 0.1, -65.0, 1e8])
@pytest.mark.parametrize("lazy", [False, True])
def test_constant_cells_have_no_score(name: str, level: float, lazy: bool) -> None:
    signal, trials = signal_and_trials(3, steps=50, cells=2)
    trials[:, :, 0] = level
    if lazy:
        trials = trials.chunk(time=7)
    got = SCORES[name](signal, trials).compute()
    if name == "noise_variance":
        assert float(got[0]) == pytest.approx(0.0, abs=1e-12)
    elif name == "explainable_variance":
        assert float(got[0]) == pytest.approx(0.0, abs=1e-12 * max(1, level**2))
    elif name in ("bits_per_spike", "log_likelihood_ratio"):
        assert np.isnan(got[0]) == (level == 0.0 and name == "bits_per_spike")
    else:
        assert np.isnan(got[0])
    assert np.isfinite(got[1])


@pytest.mark.parametrize("name", SCORES)
def test_what_was_never_recorded_has_no_score(name: str) -> None:
    signal, trials = signal_and_trials(3, steps=50, cells=2)
    trials[:, :, 0] = np.nan
    got = SCORES[name](signal, trials)
    assert float(got[0]) == 0 if name == "log_likelihood_ratio" else np.isnan(got[0])
    assert np.isfinite(got[1])


def test_a_constant_prediction_has_no_correlation() -> None:
    _, trials = signal_and_trials(3, steps=50)
    flat = over_time(np.full((50, 3), 0.1), ("time", "cell"), "mV")
    assert analysis.correlation(flat, trials).isnull().all()
    assert analysis.cc_norm(flat, trials).isnull().all()
    assert np.isfinite(analysis.explained_variance(flat, trials)).all()


@given(
    st.sampled_from(sorted(SCORES)),
    st.integers(1, 60),
    st.integers(1, 4),
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from(["float32", "float64"]),
    st.permutations(["repeat", "time", "cell"]),
)
def test_chunks_change_nothing_and_are_not_read_early(
    name: str, steps: int, repeats: int, cells: int, both: bool, dtype: str, order: list[str]
) -> None:
    signal, trials = signal_and_trials(4, steps=60, missing=0.2)
    signal, trials = signal.astype(dtype), trials.astype(dtype)
    wanted = SCORES[name](signal, trials)
    reads: list[int] = []

    def read(block: np.ndarray) -> np.ndarray:
        reads.append(block.size)
        return block

    lazy = trials.chunk(repeat=repeats, time=steps, cell=cells)
    lazy = lazy.copy(data=lazy.data.map_blocks(read, dtype=dtype, meta=np.empty((0, 0, 0), dtype))).transpose(*order)
    made = SCORES[name](signal.chunk(time=11) if both else signal, lazy)
    assert not reads
    assert made.chunks is not None
    with dask.config.set(scheduler="synchronous"):
        got = made.compute()
    assert sum(reads) == trials.size  # each block once
    assert (got.dims, got.attrs, list(got.coords)) == (wanted.dims, wanted.attrs, list(wanted.coords))
    # float32 differs where the two ways of masking do; sums are in double precision
    np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-12)


def test_pixels_and_single_cells_do() -> None:
    signal, trials = signal_and_trials(3, steps=40, cells=6)
    wanted = analysis.feve(signal, trials)
    pixels = [one.assign_coords(cell=range(6)).coarsen(cell=3).construct(cell=("y", "x")).drop_vars("cell")
              for one in (signal, trials)]  # fmt: skip
    got = analysis.feve(*pixels)
    assert got.dims == ("y", "x")
    np.testing.assert_allclose(got.values.ravel(), wanted)
    assert float(analysis.feve(signal[:, 1], trials[..., 1])) == pytest.approx(float(wanted[1]))
    labelled = trials.assign_coords(cell=["a", "b", "c", "d", "e", "f"], kind=("cell", list("xxyyzz")))
    assert list(analysis.oracle(labelled).coords) == ["cell", "kind"]


def test_a_large_mean_does_not_swallow_the_signal() -> None:
    signal, trials = signal_and_trials(3, steps=300)
    for chunks in ({}, {"time": 13}):
        far = [(one + 1e7).assign_attrs(units="mV").chunk(chunks) for one in (signal, trials)]
        for name in ("correlation", "feve", "cc_norm", "oracle", "explainable_variance"):
            got = SCORES[name](*far)
            np.testing.assert_allclose(got, SCORES[name](signal, trials), rtol=1e-6)


def test_spikes_that_neither_rate_allows_tell_nothing_lazy_or_not() -> None:
    response = xr.DataArray([0, 2, 0, 2], dims="time", attrs={"units": "count"})
    silent = xr.DataArray(np.zeros(4), dims="time", attrs={"units": "count"})
    assert np.isnan(cx.analysis.log_likelihood_ratio(silent, silent, response))
    lazy = cx.analysis.log_likelihood_ratio(silent.chunk(time=2), silent, response.chunk(time=2))
    assert np.isnan(lazy.compute())
    assert float(cx.analysis.log_likelihood_ratio(response, silent, response)) == np.inf
    assert float(cx.analysis.log_likelihood_ratio(silent, response, response)) == -np.inf
