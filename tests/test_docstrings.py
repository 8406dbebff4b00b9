"""What every public class and function tells: its arguments, shapes and units, its equation, an example that runs.

That the examples run, and say the truth, is checked as they are run with the other tests.
"""

from __future__ import annotations

import inspect
import re

import pytest

import convis_xr as cx

ROOMS = ("filters", "filters.kernels", "spiking", "models", "models.retina", "stimuli", "io", "analysis", "plotting")


def public(room: str) -> dict[str, object]:
    module = cx
    for part in room.split("."):
        module = getattr(module, part)
    return {f"{room}.{name}": getattr(module, name) for name in module.__all__}


OBJECTS = {path: made for room in ROOMS for path, made in public(room).items() if callable(made)}
LAYERS = {path: made for path, made in OBJECTS.items() if isinstance(made, type) and issubclass(made, cx.Layer)}
RESULTS = {path: made for path, made in OBJECTS.items() if inspect.isfunction(made)}


def sections(made: object) -> dict[str, str]:
    """The numpydoc sections of a docstring by their titles; what stands before them by ""."""
    told = re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.getdoc(made) or "", flags=re.MULTILINE)
    return {"": told[0], **dict(zip(told[1::2], told[2::2], strict=True))}


def told_of(section: str) -> set[str]:
    """The names at the head of the entries of a section."""
    heads = re.findall(r"^(\*{0,2}\w[\w, *]*)(?: : .*)?$", section, flags=re.MULTILINE)
    return {name.strip(" *") for head in heads for name in head.split(",")}


@pytest.mark.parametrize("path", OBJECTS)
def test_each_argument_is_told_of(path: str) -> None:
    made = OBJECTS[path]
    arguments = {
        name
        for name, argument in inspect.signature(made).parameters.items()  # type: ignore[arg-type]
        if argument.kind not in (argument.VAR_KEYWORD, argument.VAR_POSITIONAL)
    }
    missing = arguments - told_of(sections(made).get("Parameters", ""))
    assert not missing, sorted(missing)
    assert len(sections(made)[""].strip()) > 10


@pytest.mark.parametrize("path", RESULTS)
def test_a_function_tells_what_comes_of_it_and_shows_it(path: str) -> None:
    told, made = sections(RESULTS[path]), RESULTS[path]
    if inspect.signature(made).return_annotation not in (None, "None"):  # type: ignore[arg-type]
        assert told.keys() & {"Returns", "Yields"}
    assert ">>>" in told.get("Examples", "")


@pytest.mark.parametrize("path", LAYERS)
def test_a_layer_tells_shapes_and_units_and_its_equation_and_shows_an_example(path: str) -> None:
    told = sections(LAYERS[path])
    assert ">>>" in told["Examples"]
    notes = told["Notes"]
    assert re.search(r"\bInputs?\b", notes), "what goes in"
    assert re.search(r"\boutputs?\b", notes, re.IGNORECASE), "what comes out"
    assert "(batch, channel," in notes or re.search(r"\bas in `\w+`", notes), "shapes"
    assert re.search(r":math:|\.\. math::", told[""] + notes), "the equation"


def test_what_is_not_told_is_noticed() -> None:
    def forgetful(told: int, untold: int) -> int:
        """Add two numbers.

        Parameters
        ----------
        told : int
            One; the untold is the other.

        Returns
        -------
        int
        """
        return told + untold

    assert told_of(sections(forgetful)["Parameters"]) == {"told"}
    assert sections(forgetful).keys() == {"", "Parameters", "Returns"}
