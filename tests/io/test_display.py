"""Grey levels to light."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from convis_xr.contract import check_stimulus
from convis_xr.errors import ContractError, UnitError
from convis_xr.io import calibrate, to_luminance
from tests.io.films import noise, stimulus

TABLE = xr.DataArray([0.5, 30.0, 210.0], {"level": [0, 100, 255]}, attrs={"units": "cd/m^2"})


@given(gamma=st.one_of(st.floats(0.5, 3.0), st.just("srgb")), chunk=st.integers(1, 9))
def test_the_formula_lazily_and_however_chunked(gamma, chunk):
    light = to_luminance(stimulus(noise(5)).chunk(time=chunk), white="200 cd/m^2", black="0.0005 kcd/m^2", gamma=gamma)
    assert light.chunks is not None
    assert light.dtype == np.float32
    assert light.attrs == {"units": "cd/m^2", "valid_range": [0.5, 200.0]}
    v = noise(5) / 255
    encoded = np.where(v > 0.04045, ((v + 0.055) / 1.055) ** 2.4, v / 12.92) if gamma == "srgb" else v**gamma
    np.testing.assert_allclose(light, 0.5 + 199.5 * encoded, rtol=1e-6)
    check_stimulus(light)


def test_floats_and_bytes_give_the_same():
    film = stimulus(noise(3))
    as_float = film.astype(np.float32)
    np.testing.assert_array_equal(to_luminance(film), to_luminance(as_float))
    np.testing.assert_array_equal(calibrate(film, TABLE), calibrate(as_float, TABLE))


def test_a_measured_table():
    film = stimulus(np.array([0, 50, 100, 255], np.uint8))
    light = calibrate(film, TABLE)
    np.testing.assert_allclose(light, [0.5, 15.25, 30, 210])
    assert light.attrs == {"units": "cd/m^2", "valid_range": [0.5, 210.0]}
    assert light.dtype == np.float32


def test_levels_out_of_range_raise_when_they_are_read():
    film = stimulus(np.array([0.0, 1.5]), valid_range=(0, 1)).chunk(time=1)
    for light in (to_luminance(film), calibrate(film, TABLE)):
        assert light[0].compute() == light.attrs["valid_range"][0]
        with pytest.raises(ContractError, match=r"wanted levels in its valid_range \(0\.0, 1\.0\), got 1\.5"):
            light.load()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"white": 100}, UnitError, "white: wanted a luminance"),
        ({"white": "100 Hz"}, UnitError, "white: wanted a luminance"),
        ({"black": "100 cd/m^2"}, ContractError, "black: wanted a luminance below white"),
        ({"black": "-1 cd/m^2"}, ContractError, "black: wanted a luminance below white"),
        ({"gamma": 0}, ContractError, "gamma: wanted a number above zero"),
        ({"gamma": "rec709"}, ContractError, "gamma: wanted a number above zero"),
        ({"gamma": None}, ContractError, "gamma: wanted the monitor's gamma"),
    ],
)
def test_bad_arguments(options, error, message):
    with pytest.raises(error, match=message):
        to_luminance(stimulus(noise(2)), **options)


def test_what_has_no_levels_is_refused():
    for convert in (to_luminance, lambda film: calibrate(film, TABLE)):
        with pytest.raises(ContractError, match="no valid_range"):
            convert(stimulus(np.zeros(3), valid_range=None))
        with pytest.raises(ContractError, match="levels, unit 1"):
            convert(stimulus(np.zeros(3), units="cd/m^2"))


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (TABLE[1:], ContractError, r"levels that span \(0\.0, 255\.0\)"),
        (TABLE[::-1], ContractError, "ascending"),
        (TABLE.where(TABLE > 1), ContractError, "finite"),
        (TABLE.drop_vars("level"), ContractError, "over measured levels"),
        (TABLE.values, ContractError, "over measured levels"),
        (TABLE.drop_attrs(), UnitError, "table: wanted a unit"),
        (TABLE[:0], ContractError, "levels that span"),
    ],
)
def test_bad_tables(table, error, message):
    with pytest.raises(error, match=message):
        calibrate(stimulus(noise(2)), table)
