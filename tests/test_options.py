from __future__ import annotations

from collections.abc import Iterator

import pytest

import convis_xr as cx
from convis_xr.options import _DEFAULTS, get_option


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    with cx.set_options(**_DEFAULTS):
        yield


def test_as_a_function_it_stays() -> None:
    cx.set_options(dt="1 ms")
    assert cx.Sampling().dt_s == 0.001


def test_nested_blocks_give_back_what_held_before() -> None:
    with cx.set_options(dt="1 ms", pixel_size="0.1 deg"):
        with cx.set_options(dt="2 ms"):
            assert cx.Sampling().dt_s == 0.002
            assert cx.Sampling().pixel_deg == (0.1, 0.1)
        assert cx.Sampling().dt_s == 0.001
    assert cx.Sampling().dt_s is None


def test_an_exception_inside_gives_back_too() -> None:
    with pytest.raises(RuntimeError, match="inside"), cx.set_options(memory="2 GiB"):
        raise RuntimeError("inside")
    assert get_option("memory") == _DEFAULTS["memory"]


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(cx.ContractError, match=r"set_options: wanted options among dt, pixel_size, .*, got dtt. Cure"):
        cx.set_options(dtt="1 ms")


@pytest.mark.parametrize(
    ("name", "value", "error", "wanted"),
    [
        ("dt", 0.001, cx.UnitError, "a time"),
        ("dt", "0 s", cx.UnitError, "above zero"),
        ("dt", "1 deg", cx.UnitError, "a time"),
        ("pixel_size", "3 px", cx.UnitError, "a visual angle"),
        ("pixel_size", 0.05, cx.UnitError, "a visual angle"),
        ("memory", "5 s", cx.UnitError, "bytes"),
        ("memory", None, cx.UnitError, "bytes"),
        ("memory", True, cx.UnitError, "bytes"),
        ("device", "toaster", cx.ContractError, "a device at hand"),
        ("device", None, cx.ContractError, "a device at hand"),
        ("progress", "yes", cx.ContractError, "True or False"),
        ("grad", 1, cx.ContractError, "True or False"),
    ],
)
def test_wrong_value_is_refused_where_it_is_given_and_changes_nothing(
    name: str, value: object, error: type[Exception], wanted: str
) -> None:
    with pytest.raises(error, match=f"{name}: wanted .*{wanted}"):
        cx.set_options(**{"dt": "7 ms", name: value})
    assert {key: get_option(key) for key in _DEFAULTS} == _DEFAULTS


def test_grad_decides_for_parameters_made_next() -> None:
    with cx.set_options(grad=False):
        assert not cx.Parameter("1 s").requires_grad
    assert cx.Parameter("1 s").requires_grad
