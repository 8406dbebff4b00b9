from __future__ import annotations

import pytest

import convis_xr as cx
from convis_xr.errors import explain, explain_all


@pytest.mark.parametrize("name", ["UnitError", "ContractError", "FormatError", "ResumeError", "ParameterError"])
def test_one_family_that_is_also_a_value_error(name: str) -> None:
    error = getattr(cx, name)
    assert issubclass(error, cx.ConvisError)
    assert issubclass(error, ValueError)


def test_message_names_argument_wanted_got_and_cure() -> None:
    message = explain("sigma", wanted="an angle", got="3", cure='"3 deg"')
    assert message == 'sigma: wanted an angle, got 3. Cure: "3 deg".'


def test_several_faults_are_numbered_and_one_is_not() -> None:
    assert explain_all("film", ["a"]) == "film: a"
    assert explain_all("film", ["a", "b"]) == "film has 2 faults:\n  1. a\n  2. b"
