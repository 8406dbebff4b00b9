from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import shift

from convis_xr import ContractError, Sampling, UnitError, as_stimulus, stimuli
from convis_xr.contract import check_stimulus, valid_range

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)


def picture() -> xr.DataArray:
    film = as_stimulus(PIXELS[None], dt="1 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 255))
    return film.isel(time=0, drop=True)


def drift(duration: object = "30 ms", **changed: object) -> xr.DataArray:
    return stimuli.straight_path(duration, **{"speed": "10 deg/s", "dt": "1 ms", **changed})


def test_steps_of_whole_pixels_are_exact() -> None:
    seen = stimuli.moving_window(picture(), (6, 8), path=drift(6, speed="100 deg/s"))
    for step in range(6):
        np.testing.assert_array_equal(seen[step].values, PIXELS[7:13, 11 + step : 19 + step])


def test_up_is_towards_the_first_row() -> None:
    seen = stimuli.moving_window(picture(), (6, 8), path=drift(6, speed="100 deg/s", direction="90 deg"))
    for step in range(6):
        np.testing.assert_array_equal(seen[step].values, PIXELS[7 - step : 13 - step, 11:19])


def test_between_pixels_it_is_bilinear() -> None:
    path = stimuli.straight_path(1, speed="0 deg/s", start=("0.03 deg", "-0.06 deg"), dt="1 ms")
    seen = stimuli.moving_window(picture(), (6, 8), path=path)
    expected = shift(PIXELS.astype(float), (0.3, 0.6), order=1, mode="nearest")[7:13, 11:19]
    np.testing.assert_allclose(seen[0].values, expected, rtol=1e-5)


def test_what_comes_out_is_a_stimulus() -> None:
    seen, sampling = check_stimulus(stimuli.moving_window(picture(), "0.6 deg", path=drift()))
    assert seen.shape == (30, 6, 6)
    assert sampling == Sampling("1 ms", "0.1 deg")
    assert valid_range(seen) == (0.0, 255.0)
    assert seen.dtype == np.float32
    assert float(seen.x.mean()) == pytest.approx(0)


@given(chunk=st.integers(1, 40))
def test_no_chunk_matters(chunk: int) -> None:
    path = stimuli.random_walk("40 ms", spread="1 deg", seed=4, dt="1 ms")
    whole = stimuli.moving_window(picture(), (6, 8), path=path)
    assert whole.chunks is not None
    np.testing.assert_array_equal(stimuli.moving_window(picture(), (6, 8), path=path, chunk=chunk).values, whole.values)


def test_labels_may_be_in_other_units_and_orders() -> None:
    plain = stimuli.moving_window(picture(), (6, 8), path=drift())
    turned = picture()[::-1].transpose("x", "y")
    turned = turned.assign_coords(x=("x", turned.x.values * 60, {"units": "arcmin"}))
    path = (drift() * 60).assign_attrs(units="arcmin").isel(axis=[1, 0]).transpose("axis", "time")
    np.testing.assert_allclose(stimuli.moving_window(turned, (6, 8), path=path).values, plain.values, atol=1e-3)


def test_quantified_input_is_understood() -> None:
    import pint_xarray  # noqa: F401 - registers .pint

    plain = stimuli.moving_window(picture(), (6, 8), path=drift())
    quantified = stimuli.moving_window(picture().pint.quantify(), (6, 8), path=drift().pint.quantify())
    np.testing.assert_array_equal(quantified.values, plain.values)


def test_a_random_walk_spreads_with_the_root_of_time_whatever_the_step() -> None:
    for dt in ("1 ms", "4 ms"):
        ends = [stimuli.random_walk("1 s", spread="0.5 deg", seed=seed, dt=dt)[-1].values for seed in range(60)]
        assert np.std(ends) == pytest.approx(0.5, rel=0.15)
        assert np.mean(ends) == pytest.approx(0, abs=0.15)


def test_walks_are_seeded_and_begin_at_their_start() -> None:
    walk = {"spread": "0.5 deg", "start": ("1 deg", "2 deg"), "dt": "1 ms"}
    one, again, other = (stimuli.random_walk(50, seed=seed, **walk) for seed in (1, 1, 2))
    xr.testing.assert_identical(one, again)
    assert not one.equals(other)
    assert one.sel(axis=["y", "x"])[0].values.tolist() == [1.0, 2.0]
    np.testing.assert_array_equal(stimuli.random_walk(80, seed=1, **walk)[:50].values, one.values)
    assert one.attrs["spread"] == "0.5 degree"


def test_a_window_that_leaves_the_picture_is_refused_and_said_when() -> None:
    with pytest.raises(ContractError, match=r"x = 1\.2 deg at step 12"):
        stimuli.moving_window(picture(), (6, 8), path=drift(speed="100 deg/s"))
    with pytest.raises(ContractError, match="stays in the picture"):
        stimuli.moving_window(picture(), (21, 8), path=drift())


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: stimuli.moving_window(PIXELS, 4, path=drift()), ContractError, "picture"),
        (lambda: stimuli.moving_window(picture().expand_dims("time"), 4, path=drift()), ContractError, "isel"),
        (lambda: stimuli.moving_window(picture().drop_vars("x"), 4, path=drift()), ContractError, "x"),
        (lambda: stimuli.moving_window(picture(), 4, path=[(0, 0)]), ContractError, "path"),
        (
            lambda: stimuli.moving_window(picture(), 4, path=drift().assign_attrs(units="m")),
            ContractError,
            "visual angles",
        ),
        (lambda: stimuli.moving_window(picture(), 4, path=drift().drop_vars("axis")), ContractError, "axis"),
        (lambda: stimuli.moving_window(picture(), 4, path=drift() * np.nan), ContractError, "finite"),
        (lambda: stimuli.moving_window(picture(), 0, path=drift()), ContractError, "size"),
        (lambda: drift(speed=3), UnitError, "speed"),
        (lambda: drift(start="1 deg"), UnitError, "start"),
        (lambda: stimuli.random_walk(3, spread="-1 deg", dt="1 ms"), ContractError, "spread"),
    ],
)
def test_bad_input_is_refused(make, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()
