"""The machinery of all protocols with gratings: mean and first harmonic of a response to each of several conditions.

Each condition is a run from rest (as if the grey had always been there). A time to settle is left out; then whole
cycles are measured. The response is taken piece by piece, the state of the model going on, and only a piece is held.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.analysis.tuning.showing import Screen
from convis_xr.engine import plan, run
from convis_xr.errors import ContractError, explain

#: values of a frame, over all conditions that are run together: more are no faster
BATCH_VALUES = 2**18
#: bytes of stimulus made at once, and of responses held at once
STIMULUS_BYTES = 2**22
PIECE_BYTES = 2**25


@dataclass(frozen=True)
class Condition:
    """What is shown: ``make(steps, chunk)`` gives the stimulus, ``hertz`` its frequency."""

    hertz: float
    make: Callable[[int, int], xr.DataArray]


def harmonics(
    screen: Screen, conditions: Sequence[Condition], axis: xr.Variable, *, cycles: int, settle: Any
) -> dict[str, xr.Dataset]:
    """By output: ``F0``, ``F1``, ``F1_phase`` along ``axis``, from the first condition (the grey) ``rest``.

    Parameters
    ----------
    screen : Screen
    conditions : sequence of Condition
        The grey, then one for each value of ``axis``.
    cycles : int
        How many are measured.
    settle : quantity or int
        Time that is left out before.
    """
    if isinstance(cycles, bool) or not isinstance(cycles, int | np.integer) or cycles < 1:
        raise ContractError(explain("cycles", wanted="a whole number above 0", got=repr(cycles), cure="cycles=4"))
    quiet = screen.steps(settle, "settle")
    measured = [max(3, round(cycles / (condition.hertz * screen.dt))) for condition in conditions]
    together = max(1, BATCH_VALUES // screen.pixels)
    found: dict[int, dict[str, xr.Dataset]] = {}
    for steps in sorted(set(measured)):
        alike = [at for at, length in enumerate(measured) if length == steps]
        for batch in (alike[first : first + together] for first in range(0, len(alike), together)):
            made = _measured(screen, [conditions[at] for at in batch], quiet, steps)
            found |= {at: {name: each.isel({dims.BATCH: row}) for name, each in made.items()}
                      for row, at in enumerate(batch)}  # fmt: skip
    return {name: _along([found[at][name] for at in range(len(conditions))], axis) for name in found[0]}


def _measured(screen: Screen, conditions: Sequence[Condition], quiet: int, steps: int) -> dict[str, xr.Dataset]:
    """F0, F1 and its phase of conditions that are run side by side, over ``batch``."""
    chunk = max(1, STIMULUS_BYTES // (4 * screen.pixels * len(conditions)))
    films = [condition.make(quiet + steps, chunk) for condition in conditions]
    film = xr.concat(films, dims.BATCH, combine_attrs="drop_conflicts", coords="minimal", compat="override")
    hertz = np.array([condition.hertz for condition in conditions])
    sums: dict[str, xr.DataArray] = {}
    seen: dict[str, str] = {}
    state = None
    for first, last in _pieces(screen, film, quiet):
        result = run(screen.model, film, start=first, stop=last, **_going_on(screen.run, state))
        state = result.convis.state
        if first < quiet:
            continue
        for name, values in result.data_vars.items():
            part = _projected(values, hertz, screen.dt * np.arange(first, last))
            sums[str(name)] = part if str(name) not in sums else sums[str(name)] + part
            seen[str(name)] = str(values.attrs.get("units", "1"))
    seconds = screen.dt * np.arange(quiet, quiet + steps)
    return {name: _solved(value, hertz, seconds, seen[name], screen.dt) for name, value in sums.items()}


def _going_on(options: dict[str, Any], state: Any) -> dict[str, Any]:
    """Arguments of a run from rest, or from where the last piece ended."""
    if state is None:
        return options
    return {**{name: value for name, value in options.items() if name != "initial"}, "state": state}


def _pieces(screen: Screen, film: xr.DataArray, quiet: int) -> list[tuple[int, int]]:
    """First and last step of what is run at a time; one ends where measuring begins."""
    made = plan(screen.model, film, stop=1, **screen.run)
    if made.tables:
        got = ", ".join(table.name for table in made.tables)
        cure = f'outputs=["{got.removesuffix("_times")}"], counts per step'
        raise ContractError(explain("outputs", wanted="values per time step", got=got, cure=cure))
    length = max(1, PIECE_BYTES // max(1, sum(output.frame_bytes for output in made.outputs)))
    ends = [*range(0, quiet, length), *range(quiet, film.sizes[dims.TIME], length), film.sizes[dims.TIME]]
    return list(pairwise(ends))


def _basis(hertz: np.ndarray[Any, Any], seconds: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """1, cos and sin of each frequency: (batch, 3, time)."""
    angle = 2 * np.pi * hertz[:, None] * seconds
    return np.stack([np.ones_like(angle), np.cos(angle), np.sin(angle)], 1)


def _projected(values: xr.DataArray, hertz: np.ndarray[Any, Any], seconds: np.ndarray[Any, Any]) -> xr.DataArray:
    """Sums over time of the mean of trials times the basis: (batch, part, ...)."""
    whole = values.mean(dims.REPEAT) if dims.REPEAT in values.dims else values
    basis = xr.DataArray(_basis(hertz, seconds), dims=(dims.BATCH, "part", dims.TIME))
    return xr.dot(basis, whole.astype(np.float64).drop_vars([dims.TIME, dims.BATCH], errors="ignore"), dim=dims.TIME)


def _solved(
    sums: xr.DataArray, hertz: np.ndarray[Any, Any], seconds: np.ndarray[Any, Any], units: str, dt: float
) -> xr.Dataset:
    """Mean and amplitude by least squares: exact for a sinusoid, where a cycle is no whole number of steps, too."""
    basis = _basis(hertz, seconds)
    gram = np.einsum("bit,bjt->bij", basis, basis)
    inverse = xr.DataArray(np.linalg.inv(gram), dims=(dims.BATCH, "solved", "part"))
    weights = xr.dot(inverse, sums, dim="part")
    if units == "count":  # per step
        weights, units = weights / dt, "Hz"
    mean, cosine, sine = (weights.isel(solved=at) for at in range(3))
    made = {"F0": mean, "F1": np.hypot(cosine, sine), "F1_phase": np.rad2deg(np.arctan2(-sine, cosine))}
    attrs = {
        "F0": {"units": units, "long_name": "mean response"},
        "F1": {"units": units, "long_name": "amplitude of the first harmonic"},
        "F1_phase": {"units": "degree", "long_name": "phase of the first harmonic, as of a cosine"},
    }
    return xr.Dataset({name: value.assign_attrs(attrs[name]) for name, value in made.items()})


def _along(found: list[xr.Dataset], axis: xr.Variable) -> xr.Dataset:
    """The grey, and a curve of all others."""
    curve = xr.concat(found[1:], axis, combine_attrs="override")
    rest = found[0].F0.assign_attrs(long_name="mean response to grey")
    linearity = (curve.F1 / (curve.F0 - rest).where(rest != curve.F0)).assign_attrs(
        units="1", long_name="first harmonic over the change of the mean"
    )
    return curve.assign(rest=rest, linearity=linearity)
