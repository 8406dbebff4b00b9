from __future__ import annotations

import inspect

import numpy as np
import pytest

from convis_xr import ContractError, UnitError, set_options, stimuli
from convis_xr.stimuli import Canvas
from convis_xr.stimuli.canvas import Grid

HERE = {"dt": "1 ms", "pixel_size": "0.1 deg"}


@pytest.mark.parametrize(
    ("duration", "size", "shape"),
    [
        ("1 s", (4, 6), (1000, 4, 6)),
        (7, 5, (7, 5, 5)),
        ("20 ms", "2 deg", (20, 20, 20)),
        ("20 ms", ("30 arcmin", 3), (20, 5, 3)),
    ],
)
def test_length_and_size_are_samples_or_quantities(duration: object, size: object, shape: tuple[int, ...]) -> None:
    assert Canvas(duration, size, **HERE).shape == shape


def test_pixels_need_not_be_square() -> None:
    canvas = Canvas(1, "2 deg", dt="1 ms", pixel_size=("0.2 deg", "0.1 deg"))
    assert canvas.shape == (1, 10, 20)
    assert canvas.extent == (2.0, 2.0)


def test_the_sampling_comes_from_the_options() -> None:
    with set_options(**HERE):
        assert Canvas("5 ms", 2).shape == (5, 2, 2)


def test_y_descends_and_zero_is_in_the_middle() -> None:
    y, x = Canvas(1, (2, 3), **HERE).plane
    np.testing.assert_allclose(y[:, 0], [0.05, -0.05])
    np.testing.assert_allclose(x[0], [-0.1, 0.0, 0.1], atol=1e-15)


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"duration": "-1 s"}, UnitError, "duration"),
        ({"duration": "0.1 ms"}, ContractError, "at least 1 time steps"),
        ({"duration": 0}, ContractError, "duration"),
        ({"duration": 2.5}, UnitError, "duration"),
        ({"duration": "1 deg"}, UnitError, "duration"),
        ({"size": 0}, ContractError, "at least one pixel"),
        ({"size": (3, "0.01 deg")}, ContractError, "at least one pixel"),
        ({"size": (3, 4, 5)}, ContractError, "size"),
        ({"size": 3.5}, UnitError, "size"),
        ({"size": "3 s"}, UnitError, "size"),
        ({"dt": 0.001}, UnitError, "dt"),
        ({"dt": None}, ContractError, "time step"),
        ({"pixel_size": None}, ContractError, "pixel size"),
        ({"pixel_size": "1 s"}, UnitError, "pixel_size"),
        ({"mean": 0}, ContractError, "mean"),
        ({"mean": 1.0}, ContractError, "mean"),
        ({"mean": "100 cd/m^2"}, UnitError, 'units="cd/m^2"'),
        ({"units": "cd/m^2"}, UnitError, "mean"),
        ({"units": "cd/m^2", "mean": "-1 cd/m^2"}, ContractError, "luminance above zero"),
        ({"units": "mV"}, UnitError, "units"),
        ({"chunk": 0}, ContractError, "chunk"),
        ({"dtype": "uint8"}, ContractError, "float32 or float64"),
        ({"dtype": "florat"}, ContractError, "float32 or float64"),
    ],
)
def test_bad_input_is_refused(changed: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as raised:
        Canvas(**{"duration": "1 s", "size": 4, **HERE, **changed})
    assert words in str(raised.value)


@pytest.mark.parametrize(("contrast", "mean"), [(1.1, 0.5), (0.8, 0.7), (-0.1, 0.5)])
def test_a_contrast_that_leaves_the_range_is_refused(contrast: float, mean: float) -> None:
    with pytest.raises(ContractError, match=r"contrast.*Cure"):
        Canvas(1, 1, mean=mean, **HERE).modulation(contrast)


def test_the_cure_for_a_contrast_works() -> None:
    canvas = Canvas(1, 1, mean=0.8, **HERE)
    with pytest.raises(ContractError, match=r"\|contrast\| <= 0\.25"):
        canvas.modulation(0.5)
    assert canvas.modulation(0.25) == 0.25


def test_units_may_be_any_luminance() -> None:
    canvas = Canvas(1, 1, units="cd/cm^2", mean="100 cd/m^2", **HERE)
    assert canvas.mean == pytest.approx(0.01)
    assert canvas.valid_range == pytest.approx((0.0, 0.02))


@pytest.mark.parametrize("mean", [0.1, 0.3, 0.7])
def test_rounding_does_not_leave_the_range(mean: float) -> None:
    made = stimuli.uniform(1, 1, contrast=1, mean=f"{mean} cd/m^2", units="cd/m^2", **HERE)
    assert float(made.max()) <= made.attrs["valid_range"][1]
    assert float(made.max()) == pytest.approx(2 * mean, rel=1e-6)


@pytest.mark.parametrize(
    "name",
    [
        "moving_grating",
        "counterphase_grating",
        "moving_bar",
        "random_checker",
        "white_noise",
        "sparse_noise",
        "uniform",
        "pulse",
        "impulse",
        "step",
        "frequency_sweep",
        "contrast_sweep",
        "chirp",
    ],
)
def test_every_generator_shows_the_shared_keywords(name: str) -> None:
    function = getattr(stimuli, name)
    assert set(Grid.__annotations__) <= set(inspect.signature(function).parameters)
    assert "shared" not in inspect.signature(function).parameters
    assert "pixel_size : quantity or pair (y, x), optional" in function.__doc__
    assert "**shared" not in function.__doc__


def test_an_unknown_keyword_is_refused() -> None:
    with pytest.raises(TypeError, match="contast"):
        stimuli.uniform(1, 1, contast=1, **HERE)
