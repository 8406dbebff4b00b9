from __future__ import annotations

import numpy as np
import pytest

from convis_xr import ContractError, UnitError, set_options, stimuli


@pytest.fixture(autouse=True)
def sampling():
    with set_options(dt="1 ms", pixel_size="0.1 deg"):
        yield


def course(made) -> np.ndarray:
    assert float(np.ptp(made.values, axis=(1, 2)).max()) == 0
    return made.values[:, 0, 0].astype(float)


def test_the_phase_of_a_frequency_sweep_is_the_integral_of_its_frequency() -> None:
    made = course(stimuli.frequency_sweep("4 s", 2, start="1 Hz", stop="9 Hz", contrast=0.8, dtype="float64"))
    frequency = 1 + 8 * np.arange(4000) / 4000
    phase = np.concatenate([[0], np.cumsum((frequency[1:] + frequency[:-1]) / 2 * 1e-3)])
    np.testing.assert_allclose(made, 0.5 * (1 + 0.8 * np.sin(2 * np.pi * phase)), atol=1e-9)


def test_a_contrast_sweep_grows_linearly() -> None:
    made = course(stimuli.contrast_sweep("4 s", 2, temporal_frequency="5 Hz", start=0.2, stop=0.6, dtype="float64"))
    t = np.arange(4000) / 1000
    np.testing.assert_allclose(made, 0.5 * (1 + (0.2 + 0.1 * t) * np.sin(2 * np.pi * 5 * t)), atol=1e-12)


def test_the_chirp_has_its_parts_in_order() -> None:
    made = course(stimuli.chirp(1, dtype="float64"))
    assert len(made) == 32_000
    for first, last, value in [
        (0, 2, 0),
        (2, 5, 1),
        (5, 8, 0),
        (8, 10, 0.5),
        (18, 20, 0.5),
        (28, 30, 0.5),
        (30, 32, 0),
    ]:
        np.testing.assert_array_equal(made[first * 1000 : last * 1000], value)
    np.testing.assert_array_equal(made[10_000:18_000], course(stimuli.frequency_sweep("8 s", 1, dtype="float64")))
    np.testing.assert_array_equal(made[20_000:28_000], course(stimuli.contrast_sweep("8 s", 1, dtype="float64")))


def test_parts_of_the_chirp_can_be_left_out() -> None:
    made = stimuli.chirp(
        1, off=0, off_again=0, grey=0, off_last=0, contrast_sweep="0 s", on="1 s", frequency_sweep="1 s"
    )
    assert made.sizes["time"] == 2000
    assert float(made[0, 0, 0]) == 1.0


def test_aliasing_warns() -> None:
    with pytest.warns(UserWarning, match="Nyquist") as caught:
        stimuli.frequency_sweep("1 s", 1, stop="600 Hz")
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"frequencies": "8 Hz"}, ContractError, "pair"),
        ({"frequencies": (0, 8)}, UnitError, "frequencies"),
        ({"contrast_frequency": 2}, UnitError, "contrast_frequency"),
        ({"on": "-1 s"}, UnitError, "on"),
        ({"contrast": 1.01}, ContractError, "contrast"),
        (
            dict.fromkeys(["off", "on", "off_again", "grey", "frequency_sweep", "contrast_sweep", "off_last"], 0),
            ContractError,
            "duration",
        ),
    ],
)
def test_bad_input_is_refused(changed: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as raised:
        stimuli.chirp(1, **changed)
    assert words in str(raised.value)


def test_a_sweep_beyond_full_contrast_is_refused() -> None:
    with pytest.raises(ContractError, match="stop"):
        stimuli.contrast_sweep("1 s", 1, stop=1.5)
