"""The fit of a generalized linear model: against statsmodels, against theory's errors, and what it says of bad data."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import statsmodels.api as sm
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import convis_xr as cx
from convis_xr.filters.kernels import raised_cosines
from convis_xr.fitting import fit_glm, glm_design

DT = "2 ms"
OWN, OTHERS = raised_cosines(3, "2 ms", "12 ms", dt=DT), raised_cosines(2, "2 ms", "6 ms", dt=DT)


def model_of(cells: int = 2) -> cx.models.GLM:
    return cx.models.GLM((3, 2, 2), cells=cells, history=OWN, coupling=OTHERS)


def truth() -> cx.models.GLM:
    made = model_of()
    made.stimulus.set_weight(0.3 * np.random.default_rng(1).standard_normal((2, 1, 3, 2, 2)))
    made.stimulus.bias = [3.0, 3.5]
    made.history = np.tile([-2, -0.5, 0.2], (2, 1))
    made.coupling = np.array([[[0, 0], [0.8, 0.4]], [[-0.6, 0.2], [0, 0]]])
    return made


def noise(steps: int = 8000, seed: int = 1) -> xr.DataArray:
    values = np.random.default_rng(seed).standard_normal((steps, 2, 2))
    return cx.as_stimulus(values, dt=DT, pixel_size="0.1 deg", units="1")


def spikes(film: xr.DataArray, seed: int = 0, **options: int) -> xr.DataArray:
    return cx.run(truth(), film, seed=seed, progress=False, **options).response


def estimates(found: xr.Dataset, cell: int, suffix: str = "") -> np.ndarray:
    """One cell's, in the order of the design's columns."""
    names = ("stimulus.bias", "stimulus.weight", "history", "coupling")
    parts = [found[name + suffix].isel(cell=cell) for name in names]
    parts[-1] = parts[-1].isel(source=1 - cell)
    return np.concatenate([part.values.ravel() for part in parts])


@pytest.fixture(scope="module")
def recording() -> tuple[xr.DataArray, xr.DataArray]:
    film = noise()
    return film, spikes(film)


def plain_design(film: xr.DataArray, counts: xr.DataArray, cell: int) -> tuple[np.ndarray, np.ndarray]:
    """By loops, in the definition's own words."""
    shown, n, lags = film.values, counts.values.astype(float), OWN.sizes["time"]
    rows = []
    for t in range(lags, len(n)):
        row = [1.0, *(shown[t - lag, y, x] for lag in range(3) for y in range(2) for x in range(2))]
        for basis, source in ((OWN, cell), (OTHERS, 1 - cell)):
            row += [n[t - basis.sizes["time"] : t, source][::-1] @ component for component in basis.values]
        rows.append(row)
    return np.array(rows), n[lags:, cell]


@pytest.mark.parametrize("cell", [0, 1])
def test_estimates_errors_and_likelihood_are_those_of_statsmodels(recording: tuple, cell: int) -> None:
    film, counts = recording
    found = fit_glm(model_of(), film, counts)
    rows, n = plain_design(film, counts, cell)
    exposure = np.full(len(rows), 2e-3)
    peer = sm.GLM(n, rows, family=sm.families.Poisson(), exposure=exposure).fit(tol=1e-12, maxiter=100)
    np.testing.assert_allclose(estimates(found, cell), peer.params, atol=1e-6)
    np.testing.assert_allclose(estimates(found, cell, "_error"), peer.bse, rtol=1e-6)
    assert float(found.log_likelihood[cell]) == pytest.approx(peer.llf, abs=1e-6)
    null = stats.poisson.logpmf(n, n.mean()).sum()
    assert float(found.bits_per_spike[cell]) == pytest.approx((peer.llf - null) / n.sum() / np.log(2), rel=1e-6)


def test_the_model_gets_the_estimate_and_predicts_with_it(recording: tuple) -> None:
    film, counts = recording
    model = model_of()
    found = fit_glm(model, film, counts)
    np.testing.assert_allclose(model.history.detach(), found.history, rtol=1e-6)
    np.testing.assert_allclose(model.spike_filters, found.spike_filters)
    assert not model.coupling.detach().numpy()[[0, 1], [0, 1]].any()
    assert found["stimulus.weight"].attrs["units"] == "1"
    assert found["stimulus.weight"].dims == ("cell", "time", "y", "x")
    field = cx.filters.RF(1, 2, (3, 2, 2))
    field.set_weight(found["stimulus.weight"].isel(cell=0, drop=True))
    assert found.loss.dims == ("epoch",)
    assert (np.diff(found.loss) <= 1e-12).all()


def test_errors_are_what_fisher_information_says_and_fall_with_the_root_of_n() -> None:
    """Of many recordings: scores (estimate - truth) / error have variance 1; four times the data halve the error."""
    made = truth()
    exact = [
        np.concatenate(
            [
                made.stimulus.bias.detach().numpy()[[i]],
                made.stimulus.weight.detach().numpy()[i].ravel(),
                made.history.detach().numpy()[i],
                made.coupling.detach().numpy()[i, 1 - i],
            ]
        )
        for i in range(2)
    ]
    scores, told = [], {}
    for steps, trials in ((8000, 12), (32000, 3)):
        sizes = []
        for seed in range(trials):
            film = noise(steps, seed)
            found = fit_glm(model_of(), film, spikes(film, seed))
            for cell in range(2):
                error = estimates(found, cell, "_error")
                scores.append((estimates(found, cell) - exact[cell]) / error)
                sizes.append(error)
        told[steps] = np.mean(sizes, 0)
    z = np.ravel(scores)
    # 540 scores: the standard error of their variance is 0.06, of their mean 0.04
    assert abs(z.var() - 1) < 0.25
    assert abs(z.mean()) < 0.15
    assert np.abs(z).max() < 4.5
    np.testing.assert_allclose(told[8000] / told[32000], 2, rtol=0.2)


@given(bytes_=st.integers(1, 400_000))
def test_blocks_of_any_length_give_the_same(bytes_: int) -> None:
    film = noise(600)
    counts = spikes(film)
    whole = fit_glm(model_of(), film, counts, ridge=0.01)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(glm_design, "BLOCK_BYTES", bytes_)
        parts = fit_glm(model_of(), film, counts, ridge=0.01)
    xr.testing.assert_allclose(whole.drop_vars("seconds"), parts.drop_vars("seconds"), rtol=1e-7, atol=1e-9)


def test_nothing_larger_than_a_block_is_ever_read(recording: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    film, counts = recording
    monkeypatch.setattr(glm_design, "BLOCK_BYTES", 100_000)
    largest, reads = [0], [0]

    def seen(block: np.ndarray) -> np.ndarray:
        largest[0], reads[0] = max(largest[0], len(block)), reads[0] + 1
        return block

    lazy = film.copy(data=da.from_array(film.values, chunks=(200, 2, 2)).map_blocks(seen, meta=film.values[:0]))
    found = fit_glm(model_of(), lazy, counts.chunk(time=250))
    assert largest[0] <= 200
    assert reads[0] >= 40
    xr.testing.assert_allclose(found["history"], fit_glm(model_of(), film, counts)["history"], rtol=1e-6)


def test_a_response_may_be_a_stretch_of_the_stimulus_and_have_repeats(recording: tuple) -> None:
    film, counts = recording
    part = fit_glm(model_of(), film, counts.isel(time=slice(1000, 3000)))
    alone = fit_glm(model_of(), film.isel(time=slice(998, 3000)), counts.isel(time=slice(1000, 3000)))
    np.testing.assert_allclose(part.history, alone.history, rtol=1e-6)
    trials = spikes(film.isel(time=slice(0, 3000)), repeats=3)
    found = fit_glm(model_of(), film.isel(time=slice(0, 3000)), trials)
    assert found.spikes.sum() > 1.5 * trials[0].sum()
    rows = [plain_design(film.isel(time=slice(0, 3000)), trials[k], 0) for k in range(3)]
    design, n = np.concatenate([row for row, _ in rows]), np.concatenate([count for _, count in rows])
    peer = sm.GLM(n, design, family=sm.families.Poisson(), exposure=np.full(len(n), 2e-3)).fit(tol=1e-12)
    np.testing.assert_allclose(estimates(found, 0), peer.params, atol=1e-6)


def test_ridge_is_the_maximum_of_the_penalised_likelihood(recording: tuple) -> None:
    film, counts = (data.isel(time=slice(0, 2000)) for data in recording)
    found = fit_glm(model_of(), film, counts, ridge=3.0)
    rows, n = plain_design(film, counts, 1)
    theta = estimates(found, 1)
    slope = rows.T @ (n - np.exp(rows @ theta) * 2e-3)
    slope[1:] -= 6.0 * theta[1:]
    np.testing.assert_allclose(slope, 0, atol=1e-4)


def test_a_field_smaller_than_the_frame_lies_where_the_model_says(recording: tuple) -> None:
    film, counts = recording
    wide = film.pad(y=(3, 0), x=(0, 4), constant_values=5.0)
    wide = cx.as_stimulus(wide.values, dt=DT, pixel_size="0.1 deg", units="1")
    corner = cx.models.GLM((3, 2, 2), 2, OWN, OTHERS, placement=("-0.15 deg", "-0.2 deg"))
    found = fit_glm(corner, wide, counts.drop_vars("cell"))
    np.testing.assert_allclose(
        found["stimulus.weight"], fit_glm(model_of(), film, counts)["stimulus.weight"], rtol=1e-6
    )
    assert float(found.x[0]) == pytest.approx(-0.25)


def test_data_that_cannot_tell_are_told(recording: tuple) -> None:
    film, counts = (data.isel(time=slice(0, 2000)) for data in recording)
    still = film * 0 + 1.0
    with pytest.raises(cx.ContractError, match=r"tell all parameters of cell 0 apart.*ridge=0.1"):
        fit_glm(model_of(), still.assign_attrs(film.attrs), counts)
    found = fit_glm(model_of(), still.assign_attrs(film.attrs), counts, ridge=0.1)
    assert np.isfinite(found["stimulus.weight"]).all()
    with pytest.raises(cx.ContractError, match=r"spikes of every cell, got none of cell 1"):
        fit_glm(model_of(), film, counts * np.array([1, 0]))
    with pytest.raises(cx.ContractError, match="finite values, got NaN"):
        fit_glm(model_of(), film, counts.where(counts.time > 0.1))
    with pytest.raises(cx.ContractError, match=r"cell: 2.*got .*'cell': 1"):
        fit_glm(model_of(), film, counts.isel(cell=[0]))
    with pytest.raises(cx.ContractError, match="spikes per step, got unit 'Hz'"):
        fit_glm(model_of(), film, counts.assign_attrs(units="Hz"))
    with pytest.raises(cx.ContractError, match="time labels that are among"):
        fit_glm(model_of(), film, counts.assign_coords(time=counts.time + 1e-3))
    with pytest.raises(cx.ContractError, match=r"counts: wanted more than 28 steps"):
        fit_glm(model_of(), film, counts.isel(time=slice(0, 20)))
    with pytest.raises(cx.ContractError, match="0 or more, got negative"):
        fit_glm(model_of(), film, counts.astype(int) - 1)
    with pytest.raises(cx.ParameterError, match="model: wanted a GLM"):
        fit_glm(cx.models.LN(), film, counts)  # type: ignore[arg-type]
    with pytest.raises(cx.ParameterError, match="ridge: wanted a number of 0 or more"):
        fit_glm(model_of(), film, counts, ridge=-1)
    for wrong in ({"ridge": "1"}, {"ridge": None}, {"tolerance": np.nan}, {"tolerance": -1.0}):
        with pytest.raises(cx.ParameterError, match=f"{next(iter(wrong))}: wanted a number of 0 or more"):
            fit_glm(model_of(), film, counts, **wrong)
    for times in (0, -1, 2.5, True):
        with pytest.raises(cx.ParameterError, match="iterations: wanted a whole number above 0"):
            fit_glm(model_of(), film, counts, iterations=times)  # type: ignore[arg-type]


def test_one_negative_count_is_told_even_among_those_that_are_only_history(recording: tuple) -> None:
    film, counts = (data.isel(time=slice(0, 500)) for data in recording)
    counts = counts.astype(int).copy()
    counts[2, 1] = -1
    with pytest.raises(cx.ContractError, match="0 or more, got negative"):
        fit_glm(model_of(), film, counts)


def test_sources_have_the_labels_of_the_cells(recording: tuple) -> None:
    film, counts = (data.isel(time=slice(0, 4000)) for data in recording)
    found = fit_glm(model_of(), film, counts.assign_coords(cell=["on", "off"]))
    assert list(found.source) == ["on", "off"]
    assert found.spike_filters.sel(cell="on", source="off").identical(found.spike_filters[0, 1])


def test_a_basis_without_labels_of_time_has_the_step_of_the_stimulus(recording: tuple) -> None:
    film, counts = (data.isel(time=slice(0, 4000)) for data in recording)
    model, bare = model_of(), cx.models.GLM((3, 2, 2), 2, OWN.drop_vars("time"), OTHERS.drop_vars("time"))
    assert model.stimulus.weight.shape == bare.stimulus.weight.shape
    found, again = fit_glm(model, film, counts), fit_glm(bare, film, counts)
    xr.testing.assert_allclose(found.spike_filters, again.spike_filters)


def test_a_filter_that_goes_to_infinity_is_warned_of() -> None:
    """After a spike never another at once: the likelihood has no maximum."""
    first = xr.DataArray([[1.0]], {"time": [0.0]}, ("component", "time")).assign_coords(OTHERS.time[:1].coords)
    made = cx.models.GLM((1, 1, 1), history=first)
    made.stimulus.bias, made.history = [4.0], [[-50.0]]
    film = noise(3000).isel(y=[0], x=[0])
    counts = cx.run(made, film, progress=False).response.clip(max=1)
    with pytest.warns(UserWarning, match="history of cell 0 goes to infinity"):
        found = fit_glm(cx.models.GLM((1, 1, 1), history=first), film, counts)
    assert found.history.item() < -10
    tamed = fit_glm(cx.models.GLM((1, 1, 1), history=first), film, counts, ridge=0.01)
    assert -10 < tamed.history.item() < -2


def test_one_spike_gives_a_rate_and_honest_errors() -> None:
    film = noise(500).isel(y=[0], x=[0])
    counts = xr.zeros_like(film.isel(y=0, x=0, drop=True)).assign_attrs(units="count")
    counts[250] = 1
    found = fit_glm(cx.models.GLM((1, 1, 1)), film, counts)
    assert found["stimulus.bias_error"].item() > 0.9
    assert found.spikes.item() == 1
