from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import gaussian_filter1d

from convis_xr import ContractError, UnitError, stimuli

HERE = {"dt": "1 ms", "pixel_size": "0.1 deg", "dtype": "float64"}


def bar(duration: object = "400 ms", size: object = (21, 21), **changed: object) -> xr.DataArray:
    arguments = {"width": "0.4 deg", "speed": "10 deg/s", "start": "-1 deg", **HERE}
    return stimuli.moving_bar(duration, size, **{**arguments, **changed})


def middle(frame: xr.DataArray) -> tuple[float, float]:
    """Centre of what differs from the background (y, x)."""
    weight = np.abs(frame - 0.5)
    return float((weight * frame.y).sum() / weight.sum()), float((weight * frame.x).sum() / weight.sum())


@pytest.mark.parametrize(
    ("direction", "y", "x"), [("0 deg", 0, 0.4), ("90 deg", 0.4, 0), ("180 deg", 0, -0.4), ("270 deg", -0.4, 0)]
)
@pytest.mark.parametrize("sharp", [True, False])
def test_it_is_where_start_and_speed_put_it(direction: str, y: float, x: float, sharp: bool) -> None:
    made = bar(direction=direction, sharp=sharp)
    assert middle(made[140]) == pytest.approx((y, x), abs=0.051)  # half a pixel, since its edges are half open


def test_up_is_towards_the_first_row() -> None:
    made = bar(direction="90 deg", sharp=True)
    rows = np.flatnonzero(made[140, :, 0].values > 0.5)
    assert rows.mean() < 10


def test_a_sharp_bar_has_two_values_and_its_width_wherever_it_is() -> None:
    made = bar(sharp=True, contrast=-1, background=0.5)
    assert set(np.unique(made.values)) == {0.0, 0.75}
    inside = (made[40:160, 0].values == 0).sum(axis=1)
    np.testing.assert_array_equal(inside, 4)


def test_smoothing_is_a_gaussian_in_time() -> None:
    sharp = bar("600 ms", (1, 21), sharp=True, start="-1.305 deg").values[:, 0]
    smooth = bar("600 ms", (1, 21), temporal_smoothing="12 ms", start="-1.305 deg").values[:, 0]
    expected = gaussian_filter1d(sharp, 12, axis=0, mode="nearest", truncate=8)
    # the bar covers a sample from half a step before its edge passes: hence the tolerance
    np.testing.assert_allclose(smooth, expected, atol=0.5 * 0.5 / (12 * np.sqrt(2 * np.pi)) + 1e-3)
    assert np.abs(sharp - expected).max() > 0.2


def test_by_default_it_is_smoothed_by_one_step() -> None:
    np.testing.assert_array_equal(bar().values, bar(temporal_smoothing="1 ms").values)
    assert bar().attrs["temporal_smoothing"] == "0.001 s"


@pytest.mark.parametrize("direction", ["0 deg", "45 deg", "90 deg", "200 deg"])
def test_by_default_it_is_about_to_enter(direction: str) -> None:
    made = bar("1 s", start=None, direction=direction, sharp=True)
    assert float(made[0].max()) == 0.5
    assert float(made.max()) == 1.0
    assert float(made[-1].max()) == 0.5


def test_length_bounds_it_across() -> None:
    made = bar(sharp=True, length="0.8 deg")[100].load()
    lit = made.where(made > 0.5, drop=True)
    assert lit.sizes["y"] == 8
    assert lit.sizes["x"] == 4


def test_a_bar_may_stand_still() -> None:
    made = bar(speed="0 deg/s", start="0 deg")
    assert float(made.std("time").max()) == 0.0
    assert float(made[0, 10, 10]) == 1.0


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"width": 0.4}, UnitError, "width"),
        ({"width": "0 deg"}, ContractError, "width"),
        ({"length": "-1 deg"}, ContractError, "length"),
        ({"speed": "10 Hz"}, UnitError, "speed"),
        ({"speed": "-10 deg/s"}, ContractError, "speed"),
        ({"start": -1}, UnitError, "start"),
        ({"contrast": 1.5}, ContractError, "contrast"),
        ({"background": -1.5}, ContractError, "background"),
        ({"sharp": True, "temporal_smoothing": "2 ms"}, ContractError, "both"),
        ({"temporal_smoothing": 2}, UnitError, "temporal_smoothing"),
    ],
)
def test_bad_input_is_refused(changed: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as raised:
        bar(**changed)
    assert words in str(raised.value)
