from __future__ import annotations

import datetime
import math

import numpy as np
import pint
import pint_xarray  # noqa: F401 - registers .pint
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from convis_xr.errors import UnitError
from convis_xr.units import (
    byte_count,
    dimension_for,
    factor,
    has_dimension,
    is_bare,
    magnitude,
    parse_unit,
    quantity,
    registry,
    unit_of,
)

foreign = pint.UnitRegistry()
odd_format = pint.UnitRegistry()
odd_format.formatter.default_format = "~L"


def _message(value: object, dimension: str, name: str = "given") -> str:
    with pytest.raises(UnitError) as caught:
        quantity(value, dimension, name)
    text = str(caught.value)
    assert text.startswith(f"{name}: wanted ")
    assert ", got " in text
    assert ". Cure: " in text
    return text


@pytest.mark.parametrize(
    "text", ["4 Hz", "4/s", "4 cycle/s", "4 cycles/second", "8*pi rad/s", "4 turn/s", "0.004 kHz", "4 s^-1"]
)
def test_one_stimulus_frequency(text: str) -> None:
    assert magnitude(text, "frequency", "f") == pytest.approx(4.0, rel=1e-12)


def test_frequency_given_as_pint_angular_frequency() -> None:
    assert magnitude(pint.Quantity(8 * math.pi, "rad/s"), "frequency", "f") == pytest.approx(4.0, rel=1e-12)


@pytest.mark.parametrize("text", ["250 mcd/m^2", "250mcd/m**2", "250 millicandela/m^2", "0.25 cd/m^2"])
def test_millicandela_are_no_microdays(text: str) -> None:
    assert magnitude(text, "luminance", "mean") == pytest.approx(0.25, rel=1e-12)


@pytest.mark.parametrize("unit", ["mcd/m^2", registry.Unit("millicandela/m^2")])
def test_millicandela_are_written_as_pint_reads_them(unit: object) -> None:
    written = parse_unit(unit, "units")
    assert registry.Unit(written) == registry.Unit("millicandela/m^2")
    assert factor(written, "cd/m^2", "units") == pytest.approx(1e-3, rel=1e-12)
    assert magnitude(registry.Quantity(250, "millicandela/m^2"), "luminance", "mean") == pytest.approx(0.25, rel=1e-12)


@pytest.mark.parametrize("text", ["0.5 cycle/deg", "0.5/deg", "0.5 cpd", "0.5cpd", "0.5 cycles/degree"])
def test_one_spatial_frequency(text: str) -> None:
    assert magnitude(text, "spatial_frequency", "f") == pytest.approx(0.5, rel=1e-12)


@pytest.mark.parametrize(
    "dimension", ["time", "angle", "frequency", "rate", "spatial_frequency", "speed", "luminance", "mV"]
)
@pytest.mark.parametrize(
    "number", [3, 0.05, np.float32(3), np.int64(3), torch.tensor(3.0), np.array(3.0), xr.DataArray(3.0)]
)
def test_bare_number_is_refused_and_told_the_unit(number: object, dimension: str) -> None:
    message = _message(number, dimension, "sigma")
    assert "say the unit: sigma=" in message


def test_message_for_a_bare_number_in_full() -> None:
    with pytest.raises(UnitError) as caught:
        quantity(0.05, "angle", "sigma")
    assert str(caught.value) == (
        'sigma: wanted a visual angle (such as "0.05 deg"), got 0.05 (a bare number). '
        'Cure: say the unit: sigma="0.05 deg".'
    )


@pytest.mark.parametrize("text", ["8 rad/s", "4 deg/s", "4 cycle/s", "60 rpm"])
def test_angular_frequency_is_no_rate(text: str) -> None:
    assert "an angular frequency is no rate; give g_leak in Hz" in _message(text, "rate", "g_leak")


def test_no_rate_is_advised_where_a_time_is_wanted() -> None:
    assert _message("50 rad/s", "time", "tau").endswith('Cure: tau="10 ms".')


def test_angular_speed_is_no_frequency() -> None:
    assert "5 deg/s" in _message("5 deg/s", "frequency")


@pytest.mark.parametrize(
    "value", ["3 px", "3 pixel", pint.Quantity(3, "pixel"), xr.DataArray(3, attrs={"units": "pixel"})]
)
def test_pixels_are_no_degrees(value: object) -> None:
    assert "multiply by the pixel pitch" in _message(value, "angle", "sigma")


@pytest.mark.parametrize(
    ("text", "dimension"),
    [
        ("10 ms", "angle"),
        ("1 deg", "time"),
        ("1 s", "rate"),
        ("5 Hz", "speed"),
        ("100 lux", "luminance"),
        ("0.5 deg", "dimensionless"),
        ("0.5 rad", "dimensionless"),
        ("1 cycle/deg", "dimensionless"),
        ("1 sr", "angle"),
        ("0.5/mm", "spatial_frequency"),
        ("5 s", "mV"),
        ("4 becquerel", "rate"),
    ],
)
def test_wrong_dimension(text: str, dimension: str) -> None:
    assert repr(text) in _message(text, dimension)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "ms",
        "s",
        "3 4 ms",
        "1..2 s",
        "1.5.2 s",
        "[3] s",
        "1,5 s",
        "1,000 s",
        "1;2 s",
        "1 s)",
        "((1 s",
        "'",
        "1/0 s",
        "9**9**9 s",
        "(9)**(9)**(9) s",
        "1 ks^99999999",
        "5 m^99999999 s",
        "1 s + 5 deg",
        "1 s +/- 0.1 s",
        "__import__('os')",
        "λ s",
        "0x10 s",
        "½ s",
        "True s",
        "(" * 5000,
        "1" + "*1" * 20000 + " s",
        "1e400 s",
        "nan s",
        "inf s",
        "-inf s",
        "-nan s",
    ],
)
def test_odd_texts_are_refused_at_once(text: str) -> None:
    assert len(_message(text, "time")) < 400


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        np.bool_(True),
        1j,
        b"1 ms",
        [1, 2],
        (1, 2),
        {},
        object(),
        np.array([1.0]),
        torch.ones(2),
        float("nan"),
        pint.Quantity(float("nan"), "ms"),
        pint.Quantity([1, 2], "ms"),
        pint.Quantity(1j, "ms"),
        pint.Unit("ms"),
        np.timedelta64("NaT"),
        np.timedelta64(1, "Y"),
        np.timedelta64(5),
        np.datetime64("2020-01-01"),
        xr.Dataset({"a": 5.0}),
        xr.DataArray([5.0], dims="a", attrs={"units": "ms"}),
        xr.DataArray(5.0, attrs={"units": "no such unit"}),
    ],
)
def test_what_is_no_time_is_refused(value: object) -> None:
    _message(value, "time")


@pytest.mark.parametrize(
    "value",
    [
        "5 ms",
        " 5 ms\n",
        pint.Quantity(5, "ms"),
        pint.Quantity(np.float64(5), "ms"),
        pint.Quantity(np.array(5), "ms"),
        pint.Quantity(np.float16(5), "ms"),
        pint.Quantity(np.uint8(5), "ms"),
        pint.Quantity(torch.tensor(5.0, dtype=torch.float64), "ms"),
        foreign.Quantity(5, "ms"),
        odd_format.Quantity(5, "ms"),
        np.timedelta64(5, "ms"),
        datetime.timedelta(milliseconds=5),
        xr.DataArray(np.timedelta64(5_000_000, "ns")),
        xr.DataArray(5.0, attrs={"units": "ms"}),
        xr.DataArray(5.0, attrs={"units": "ms"}).chunk(),
        xr.DataArray(5.0, attrs={"units": "ms"}).pint.quantify(),
    ],
)
def test_every_form_of_a_quantity(value: object) -> None:
    made = quantity(value, "time", "tau")
    assert made.magnitude == pytest.approx(0.005, rel=1e-9)
    assert np.ndim(made.magnitude) == 0
    assert str(made.units) == "second"


@pytest.mark.parametrize(
    "value", [0.5, "0.5", "50 %", np.float32(0.5), torch.tensor(0.5), xr.DataArray(0.5), foreign.Quantity(0.5)]
)
def test_dimensionless(value: object) -> None:
    assert magnitude(value, "dimensionless", "w") == 0.5


def test_counts_are_taken_off_rates() -> None:
    assert magnitude("50 count/s", "rate", "r") == 50.0


def test_unit_unknown_to_the_stock_registry_is_refused() -> None:
    own = pint.UnitRegistry()
    own.define("blink = 0.3 s")
    assert "blink" in _message(own.Quantity(1, "blink"), "time")


@given(
    st.floats(1e-12, 1e12),
    st.sampled_from([("ms", 1e-3), ("s", 1.0), ("us", 1e-6), ("minute", 60.0), ("hour", 3600.0)]),
)
def test_text_and_pint_agree(number: float, unit: tuple[str, float]) -> None:
    name, scale = unit
    assert magnitude(f"{number!r} {name}", "time", "t") == pytest.approx(number * scale, rel=1e-8)
    assert magnitude(pint.Quantity(number, name), "time", "t") == pytest.approx(number * scale, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("cd/m**2", "cd/m^2"),
        ("candela / meter ** 2", "cd/m^2"),
        ("", "1"),
        ("dimensionless", "1"),
        ("deg", "degree"),
        ("°", "degree"),
        ("ms", "ms"),
        ("µm", "µm"),
        ("count", "count"),
        ("1/deg", "1/degree"),
        ("deg^2", "degree^2"),
        ("Hz", "Hz"),
    ],
)
def test_units_are_written_in_one_form_that_reads_back(text: str, form: str) -> None:
    assert parse_unit(text, "units") == form
    assert parse_unit(form, "units") == form


@pytest.mark.parametrize("text", ["foo", "3 s", 5, None, "seconds since 2000-01-01", "spikes", "["])
def test_unknown_units(text: object) -> None:
    with pytest.raises(UnitError, match=r"units: wanted a unit that pint knows, got .* Cure: one such as"):
        parse_unit(text, "units")


@pytest.mark.parametrize(
    ("unit", "dimension"),
    [
        ("ms", "time"),
        ("arcmin", "angle"),
        ("Hz", "rate"),
        ("count/s", "rate"),
        ("turn/s", "frequency"),
        ("rad/s", "frequency"),
        ("degree/s", "speed"),
        ("turn/degree", "spatial_frequency"),
        ("cd/m^2", "luminance"),
        ("1", "dimensionless"),
        ("%", "dimensionless"),
        ("mV", "mV"),
    ],
)
def test_dimension_of_a_unit(unit: str, dimension: str) -> None:
    assert dimension_for(unit) == dimension


def test_small_helpers() -> None:
    assert is_bare(np.float32(3))
    assert not is_bare(np.timedelta64(3, "s"))
    assert unit_of(foreign.Quantity(1, "ms"), "t") == "ms"
    assert has_dimension("arcmin", "angle")
    assert not has_dimension("1", "angle")
    assert factor("minute", "s", "t") == 60.0
    with pytest.raises(UnitError, match="t: wanted a unit that converts to s, got degree"):
        factor("degree", "s", "t")


@pytest.mark.parametrize(("value", "count"), [("2 GiB", 2**31), ("1.5 KB", 1500), (5, 5), (np.int64(4), 4)])
def test_byte_count(value: object, count: int) -> None:
    assert byte_count(value, "memory") == count


@pytest.mark.parametrize("value", [0, -1, "-1", "0", 5.0, True, None, "abc", "2 s", "nan", "inf GB"])
def test_bad_byte_counts(value: object) -> None:
    with pytest.raises(UnitError, match=r'memory: wanted a positive number of bytes, got .* Cure: memory="2 GiB"'):
        byte_count(value, "memory")
