"""One call for all estimators, on moments of the single pass and on those of written-out rows."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from tests.analysis.known_fields import answers, smooth_field, white
from tests.analysis.lagged import moments_of

METHODS = ["whitened", "ridge", "smooth", "splines", "asd", "ald", "ard"]
NAMES = {"whitened": "whitened_sta", "splines": "spline_fit"}


def recording(steps: int = 400) -> tuple[xr.DataArray, xr.DataArray]:
    stimulus = white(steps, 1, 4)
    fields = np.stack([smooth_field(seed, 5, 4) for seed in (1, 2)])
    return stimulus, answers(stimulus, fields, 0.5, 1)


@pytest.mark.parametrize("method", METHODS)
def test_each_method_is_its_estimator_on_moments_of_rows(method: str) -> None:
    stimulus, response = recording()
    found = cx.analysis.receptive_field(stimulus, response, "50 ms", method)
    wanted = getattr(cx.analysis, NAMES.get(method, method))(moments_of(stimulus, response, 5))
    # the evidence is flat where it is greatest: what it chooses is certain to the square root of rounding
    np.testing.assert_allclose(found, wanted, atol=(1e-9 if method == "whitened" else 1e-3) * float(abs(wanted).max()))
    assert found.dims == ("cell", "time", "y", "x")
    assert found.attrs["units"] == "Hz"
    assert found.time.attrs["units"] == "s"
    assert np.isfinite(found.intercept).all()


def test_the_average_needs_no_moments() -> None:
    stimulus, response = recording()
    counts = (response > 2.5).astype(int).assign_attrs(units="count")
    np.testing.assert_allclose(cx.analysis.receptive_field(stimulus, counts, 5), cx.analysis.sta(stimulus, counts, 5))


@given(chunks=st.integers(3, 90), cells=st.booleans(), kind=st.sampled_from(["f4", "f8"]), flip=st.booleans())
def test_chunks_order_of_dims_and_dtype_do_not_matter(chunks: int, cells: bool, kind: str, flip: bool) -> None:
    stimulus, response = recording(150)
    wanted = cx.analysis.receptive_field(stimulus, response, 5, "ridge", penalty=0.1)
    response = response if cells else response.isel(cell=0)
    given_stimulus = stimulus.astype(kind).assign_attrs(stimulus.attrs).chunk(time=chunks)
    if flip:
        given_stimulus = given_stimulus.transpose("x", "time", "y").isel(y=slice(None, None, -1))
    got = cx.analysis.receptive_field(given_stimulus, response, 5, "ridge", penalty=0.1)
    np.testing.assert_allclose(got, wanted if cells else wanted[0], rtol=1e-4, atol=1e-6 * float(abs(wanted).max()))


def test_the_recording_is_read_once_for_all_cells() -> None:
    stimulus, response = recording()
    read: list[int] = []

    def block(values: np.ndarray) -> np.ndarray:
        read.append(len(values))
        return values

    plain = dask.array.from_array(stimulus.values, chunks=(50, -1, -1))
    lazy = stimulus.copy(data=plain.map_blocks(block, dtype=float, meta=np.zeros((0, 0, 0))))
    cx.analysis.receptive_field(lazy, response, 5, "ridge")
    assert sum(read) == 400


def test_a_field_can_be_the_weight_of_a_filter() -> None:
    stimulus, response = recording(2000)
    field = cx.analysis.receptive_field(stimulus, response, 5, "asd")
    cell = cx.filters.RF(1, (5, 4, 4), bias=False)
    cell.weight = field.isel(cell=0)
    predicted = cell(stimulus)[:, 0, 0].drop_vars(["y", "x"]) + float(field.intercept[0])
    assert np.corrcoef(predicted[10:], response[10:, 0])[0, 1] > 0.85
    assert abs(float((predicted[10:] - response[10:, 0]).mean())) < 0.05


@pytest.mark.parametrize("method", METHODS)
def test_odd_cells_have_documented_fields(method: str) -> None:
    """Silent: NaN; one spike: finite; and they do nothing to the cell beside them."""
    stimulus, response = recording()
    odd = xr.concat([response[:, [0]], response * 0], "cell").assign_attrs(response.attrs)
    odd[200, 2] = 1.0
    found = cx.analysis.receptive_field(stimulus, odd, 5, method)
    alone = cx.analysis.receptive_field(stimulus, response[:, [0]], 5, method)
    np.testing.assert_allclose(found[0], alone[0], rtol=1e-6, atol=1e-9)
    assert np.isnan(found[1]).all()
    assert np.isfinite(found[2]).all()
    assert cx.analysis.fit_gaussian(found).reason.values[1] == "NaN in the field"


@pytest.mark.parametrize("method", METHODS)
def test_a_constant_stimulus_is_refused(method: str) -> None:
    stimulus, response = recording()
    with pytest.raises(cx.ContractError, match="a stimulus that varies"):
        cx.analysis.receptive_field((stimulus * 0 + 0.3).assign_attrs(stimulus.attrs), response, 5, method)


def test_nan_in_the_response_is_what_was_not_recorded_and_in_the_stimulus_an_error() -> None:
    stimulus, response = recording()
    gap = response.copy()
    gap[:150] = np.nan
    got = cx.analysis.receptive_field(stimulus, gap, 5, "ridge", penalty=0.1)
    wanted = cx.analysis.receptive_field(stimulus, response[150:], 5, "ridge", penalty=0.1)
    np.testing.assert_allclose(got, wanted, atol=1e-9)
    stimulus[100, 0, 0] = np.nan
    with pytest.raises(cx.ContractError, match="finite values, got nan at index"):
        cx.analysis.receptive_field(stimulus, response, 5, "ridge")


def test_what_is_wrong_is_said() -> None:
    stimulus, response = recording()
    with pytest.raises(cx.ParameterError, match='one of "sta", "whitened"'):
        cx.analysis.receptive_field(stimulus, response, 5, "lasso")
    with pytest.raises(cx.ParameterError, match="options of 'asd': time, space, got penalty"):
        cx.analysis.receptive_field(stimulus, response, 5, "asd", penalty=3)
    with pytest.raises(cx.ParameterError, match="'sta': none"):
        cx.analysis.receptive_field(stimulus, response, 5, penalty=3)
    with pytest.raises(cx.ContractError, match="window"):
        cx.analysis.receptive_field(stimulus, response, 500, "ridge")
    with cx.set_options(memory="10 KiB"), pytest.raises(cx.ContractError, match="Cure"):
        cx.analysis.receptive_field(stimulus, response, 5, "ridge")
