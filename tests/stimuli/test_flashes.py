from __future__ import annotations

import numpy as np
import pytest

from convis_xr import ContractError, UnitError, set_options, stimuli


@pytest.fixture(autouse=True)
def sampling():
    with set_options(dt="1 ms", pixel_size="0.1 deg"):
        yield


def test_a_pulse_lasts_from_its_onset_for_its_length() -> None:
    made = stimuli.pulse("50 ms", 3, onset="10 ms", length="5 ms", contrast=-0.4, background=0.2)
    expected = np.full(50, 0.6)
    expected[10:15] = 0.3
    np.testing.assert_allclose(made.values, np.broadcast_to(expected[:, None, None], (50, 3, 3)), rtol=1e-6)


def test_a_disc_flashes_on_the_background() -> None:
    place = {"radius": "0.5 deg", "centre": ("0.3 deg", "-0.2 deg")}
    made = stimuli.pulse(3, 21, onset=1, length=1, background=-1, **place)
    mask = stimuli.masks.disc(21, "0.5 deg", centre=place["centre"])
    np.testing.assert_array_equal(made[1].values, mask.values)
    np.testing.assert_array_equal(made[[0, 2]].values, 0)
    # up is towards the first row, left towards the first column
    rows, columns = np.nonzero(mask.values)
    assert (rows.mean(), columns.mean()) == (7, 8)


def test_an_impulse_is_one_step() -> None:
    made = stimuli.impulse(9, 1, at="4 ms", background=-1).values.ravel()
    np.testing.assert_array_equal(made, np.eye(9)[4])


def test_a_step_stays() -> None:
    made = stimuli.step(9, 1, at=4, contrast=1, background=-1).values.ravel()
    np.testing.assert_array_equal(made, np.arange(9) >= 4)


def test_a_uniform_field() -> None:
    np.testing.assert_allclose(
        stimuli.uniform(4, (2, 3), contrast=0.5, mean=0.4).values, np.full((4, 2, 3), 0.6), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"onset": "40 ms", "length": "20 ms"}, ContractError, "onset"),
        ({"onset": "-1 ms"}, UnitError, "onset"),
        ({"length": 0}, ContractError, "length"),
        ({"contrast": 2}, ContractError, "contrast"),
        ({"radius": 1}, UnitError, "radius"),
        ({"radius": "0 deg"}, ContractError, "radius"),
        ({"radius": "1 deg", "centre": "1 deg"}, UnitError, "centre"),
        ({"radius": "1 deg", "centre": (0, 0)}, UnitError, "centre"),
    ],
)
def test_bad_input_is_refused(changed: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as raised:
        stimuli.pulse("50 ms", 3, **{"onset": "10 ms", "length": "5 ms", **changed})
    assert words in str(raised.value)


def test_a_step_after_the_end_is_refused() -> None:
    with pytest.raises(ContractError, match="at: wanted a step within"):
        stimuli.step("10 ms", 1, at="10 ms")
