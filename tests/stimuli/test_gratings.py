from __future__ import annotations

import warnings

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from convis_xr import ContractError, UnitError, stimuli

HERE = {"dt": "1 ms", "pixel_size": "0.1 deg"}


def grating(duration: object = "100 ms", size: object = (20, 30), **changed: object) -> xr.DataArray:
    arguments = {"spatial_frequency": "0.5 cycle/deg", "temporal_frequency": "4 Hz", "dtype": "float64", **HERE}
    return stimuli.moving_grating(duration, size, **{**arguments, **changed})


@given(
    f=st.floats(0, 4),
    w=st.floats(0, 400),
    direction=st.floats(-360, 360),
    phase=st.floats(-360, 360),
    contrast=st.floats(0, 1),
    mean=st.floats(0.1, 0.5),
)
def test_it_is_the_closed_formula(
    f: float, w: float, direction: float, phase: float, contrast: float, mean: float
) -> None:
    made = grating(
        20,
        spatial_frequency=f"{f!r} cycle/deg",
        temporal_frequency=f"{w!r} Hz",
        direction=f"{direction!r} deg",
        phase=f"{phase!r} deg",
        contrast=contrast,
        mean=mean,
    )
    turned = np.deg2rad(direction)
    along = made.x * np.cos(turned) + made.y * np.sin(turned)
    expected = mean * (1 + contrast * np.cos(2 * np.pi * (f * along - w * made.time) + np.deg2rad(phase)))
    np.testing.assert_allclose(made.values, expected.transpose("time", "y", "x").values, rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    ("direction", "dy", "dx"), [("0 deg", 0, 1), ("90 deg", -1, 0), ("180 deg", 0, -1), ("270 deg", 1, 0)]
)
def test_it_moves_where_the_direction_says(direction: str, dy: int, dx: int) -> None:
    # one pixel per step: up is towards the smaller row
    made = grating(5, direction=direction, speed="100 deg/s", temporal_frequency=None).values
    shifted = np.roll(made[0], (dy, dx), axis=(0, 1))
    np.testing.assert_allclose(made[1][1:-1, 1:-1], shifted[1:-1, 1:-1], atol=1e-12)
    assert np.abs(made[1] - made[0]).max() > 0.05


def test_speed_is_temporal_over_spatial_frequency() -> None:
    by_speed = grating(temporal_frequency=None, speed="8 deg/s")
    np.testing.assert_array_equal(by_speed.values, grating(temporal_frequency="4 Hz").values)
    assert by_speed.attrs["temporal_frequency"] == "4 Hz"
    assert by_speed.attrs["spatial_frequency"] == "0.5 cycle/degree"


@pytest.mark.parametrize("same", ["0.5/deg", "0.5 cpd", "0.5 cycle/degree"])
def test_spellings_of_one_frequency(same: str) -> None:
    np.testing.assert_array_equal(grating(spatial_frequency=same).values, grating().values)
    np.testing.assert_allclose(grating(temporal_frequency=f"{8 * np.pi} rad/s").values, grating().values, atol=1e-12)


@pytest.mark.parametrize("contrast", [0.0, 0.3, 1.0])
def test_mean_and_contrast(contrast: float) -> None:
    # whole periods in time and along x
    made = grating("1 s", (2, 40), contrast=contrast, mean=0.4)
    assert float(made.mean()) == pytest.approx(0.4, abs=1e-12)
    assert float(made.std()) == pytest.approx(0.4 * contrast / np.sqrt(2), abs=1e-12)


def test_a_square_wave_has_two_values_in_equal_parts() -> None:
    made = grating("1 s", (1, 40), waveform="square", contrast=0.5)
    values, counts = np.unique(made.values, return_counts=True)
    np.testing.assert_allclose(values, [0.25, 0.75])
    assert counts[0] == counts[1]
    # bright where the sine grating is, away from the edges
    sine = grating("1 s", (1, 40)).values - 0.5
    clear = np.abs(sine) > 1e-3
    np.testing.assert_array_equal((made.values > 0.5)[clear], (sine > 0)[clear])


def test_counterphase_is_the_mean_of_two_opposite_gratings() -> None:
    arguments = {"spatial_frequency": "0.5 cpd", "temporal_frequency": "4 Hz", "dtype": "float64", **HERE}
    standing = stimuli.counterphase_grating("100 ms", (20, 30), **arguments)
    opposite = (grating() + grating(direction="180 deg")) / 2
    np.testing.assert_allclose(standing.values, opposite.values, atol=1e-12)


def test_aliasing_warns_in_time_and_space() -> None:
    with pytest.warns(UserWarning, match=r"temporal_frequency.*500 Hz"):
        grating(temporal_frequency="501 Hz")
    with pytest.warns(UserWarning, match=r"spatial_frequency.*5 cycle/deg"):
        grating(spatial_frequency="5.1 cpd")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        grating(temporal_frequency="500 Hz", spatial_frequency="5 cpd")
        grating(spatial_frequency="7 cpd", direction="45 deg")  # 4.95 along each axis


def test_the_warning_points_at_the_caller() -> None:
    with pytest.warns(UserWarning, match="Nyquist") as caught:
        grating(temporal_frequency="501 Hz")
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"spatial_frequency": 0.5}, UnitError, "spatial_frequency"),
        ({"spatial_frequency": "0.5 Hz"}, UnitError, "spatial_frequency"),
        ({"spatial_frequency": "-1 cpd"}, ContractError, "spatial_frequency"),
        ({"temporal_frequency": 4}, UnitError, "temporal_frequency"),
        ({"temporal_frequency": "-4 Hz"}, ContractError, "temporal_frequency"),
        ({"temporal_frequency": None}, ContractError, "neither"),
        ({"speed": "3 deg/s"}, ContractError, "both"),
        ({"temporal_frequency": None, "speed": 3}, UnitError, "speed"),
        ({"direction": 90}, UnitError, "direction"),
        ({"phase": 0}, UnitError, "phase"),
        ({"contrast": 1.5}, ContractError, "contrast"),
        ({"contrast": "3 s"}, UnitError, "contrast"),
        ({"waveform": "saw"}, ContractError, "'sine', 'square'"),
    ],
)
def test_bad_input_is_refused(changed: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as raised:
        grating(**changed)
    assert words in str(raised.value)
    assert "Cure" in str(raised.value)
