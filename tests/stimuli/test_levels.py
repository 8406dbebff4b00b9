from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from convis_xr import ContractError, UnitError, as_stimulus, set_options, stimuli
from convis_xr.contract import valid_range


@pytest.fixture(autouse=True)
def sampling():
    with set_options(dt="1 ms", pixel_size="0.1 deg"):
        yield


def grating(**changed: object) -> xr.DataArray:
    arguments = {"spatial_frequency": "1 cpd", "temporal_frequency": "40 Hz", "contrast": 0.5}
    return stimuli.moving_grating(30, (6, 8), **{**arguments, **changed})


def film() -> xr.DataArray:
    values = np.random.default_rng(0).integers(0, 256, (5, 6, 8), dtype=np.uint8)
    return as_stimulus(values, units="1", valid_range=(0, 255))


@pytest.mark.parametrize(("contrast", "mean"), [(0.0, 0.5), (0.2, 0.5), (1.0, 0.5), (0.3, 0.7)])
def test_scaling_a_grating_is_as_making_it_so(contrast: float, mean: float) -> None:
    scaled = stimuli.set_contrast(grating(), contrast, mean=mean)
    np.testing.assert_allclose(scaled.values, grating(contrast=contrast, mean=mean).values, atol=1e-6)
    assert (scaled.attrs["mean"], scaled.attrs["contrast"]) == (mean, contrast)
    assert valid_range(scaled) == (0.0, 1.0)
    again = stimuli.set_contrast(scaled, 0.25, mean=0.5)
    if contrast:
        np.testing.assert_allclose(again.values, grating(contrast=0.25).values, atol=1e-6)


def test_a_film_is_scaled_about_the_middle_of_its_range() -> None:
    scaled = stimuli.set_contrast(film(), 0.5)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.values, 127.5 + (film().values - 127.5) / 2, rtol=1e-6)
    np.testing.assert_allclose(stimuli.set_contrast(film(), 1).values, film().values, atol=1e-4)


def test_luminance() -> None:
    bright = stimuli.in_luminance(grating(), mean="100 cd/m^2")
    np.testing.assert_allclose(bright.values, grating(units="cd/m^2", mean="100 cd/m^2").values, rtol=1e-6)
    assert bright.attrs["units"] == "cd/m^2"
    assert bright.attrs["mean"] == 100.0
    assert valid_range(bright) == (0.0, 200.0)
    assert stimuli.in_luminance(grating(), mean="100 cd/m^2", units="cd/cm^2").attrs["mean"] == pytest.approx(0.01)
    stimuli.overlay(bright, grating(units="cd/m^2", mean="100 cd/m^2"))


def test_luminance_of_a_film() -> None:
    bright = stimuli.in_luminance(film(), mean="51 cd/m^2")
    np.testing.assert_allclose(bright.values, film().values * 0.4, rtol=1e-6)
    assert valid_range(bright) == pytest.approx((0.0, 102.0))


def test_contrast_of_absolute_luminance() -> None:
    bright = stimuli.set_contrast(stimuli.in_luminance(grating(), mean="100 cd/m^2"), 0.1, mean="50 cd/m^2")
    np.testing.assert_allclose(bright.values, 100 * grating(contrast=0.1, mean=0.25).values * 2, rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: stimuli.set_contrast(grating(), 1.2), ContractError, "from 0 to 1"),
        (lambda: stimuli.set_contrast(grating(), 0.5, mean=0.8), ContractError, "from 0 to 0.25"),
        (lambda: stimuli.set_contrast(grating(), -0.5), ContractError, "contrast"),
        (lambda: stimuli.set_contrast(grating(), "1 s"), UnitError, "contrast"),
        (lambda: stimuli.set_contrast(grating(), 0.5, mean="5 cd/m^2"), UnitError, "mean"),
        (lambda: stimuli.set_contrast(grating().values, 0.5), ContractError, "DataArray"),
        (lambda: stimuli.in_luminance(grating(), mean=100), UnitError, "mean"),
        (lambda: stimuli.in_luminance(grating(), mean="0 cd/m^2"), ContractError, "above zero"),
        (lambda: stimuli.in_luminance(grating(), mean="5 cd/m^2", units="1"), (ContractError, UnitError), "mean|units"),
        (lambda: stimuli.in_luminance(grating(), mean="5 cd/m^2", units="mV"), UnitError, "units"),
        (
            lambda: stimuli.in_luminance(grating(units="cd/m^2", mean="5 cd/m^2"), mean="5 cd/m^2"),
            ContractError,
            "relative",
        ),
        (lambda: stimuli.set_contrast(as_stimulus(np.ones((3, 2, 2)), units="1"), 0.5), ContractError, "valid_range"),
        (
            lambda: stimuli.set_contrast(as_stimulus(np.ones((3, 2, 2)), units="1", valid_range=(-1, 1)), 0.5),
            ContractError,
            "mean above zero",
        ),
    ],
)
def test_bad_input_is_refused(make, error, words: str) -> None:
    with pytest.raises(error, match=words):
        make()


def test_rounding_does_not_leave_the_range() -> None:
    made = grating(contrast=1, mean=0.5)
    mask = stimuli.masks.gaussian((6, 8), "0.3 deg")
    for mean in (0.1, 0.3, 0.7, 1.1):
        bright = stimuli.in_luminance(made, mean=f"{mean} cd/m^2")
        dim = stimuli.set_contrast(bright, 0.9)
        for each in (bright, dim, stimuli.overlay(bright, dim, mask=mask), stimuli.apply_mask(bright, mask)):
            low, high = valid_range(each)
            assert low <= float(each.min()) < float(each.max()) <= high


def test_data_that_are_not_chunked_are_cut_in_time() -> None:
    from convis_xr.stimuli.frames import BLOCK_BYTES
    from convis_xr.stimuli.levels import lazy_data

    values = np.broadcast_to(np.float32(0.5), (3 * BLOCK_BYTES // 4 // 10_000, 100, 100))
    data = lazy_data(as_stimulus(values, units="1"))
    assert data.numblocks == (4, 1, 1)
    assert data.chunksize[0] * 40_000 <= BLOCK_BYTES


@pytest.mark.parametrize(
    ("dtype", "value"), [("uint8", 300), ("uint8", -1), ("uint8", 0.5), ("bool", 2), ("int16", 1e6)]
)
def test_a_grey_that_the_type_cannot_hold_is_refused(dtype: str, value: float) -> None:
    made = as_stimulus(np.zeros((3, 2, 2), dtype), units="1").assign_attrs(valid_range=[-1e9, 1e9])
    with pytest.raises(ContractError, match=f"{dtype} can hold"):
        stimuli.lead_in(made, 1, value=value)
