"""A protocol with drifting gratings: one of their properties takes several values, all others stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from convis_xr.analysis.tuning.harmonics import Condition, harmonics
from convis_xr.analysis.tuning.showing import Screen, axis
from convis_xr.stimuli import apply_mask, masks, moving_grating
from convis_xr.stimuli.plane import at_least
from convis_xr.units import DIMENSIONS, Quantity

#: what is read off the curves of a protocol, by name
Indices = Mapping[str, Callable[[xr.Dataset], xr.DataArray]]


def fixed_values(**given: Any) -> dict[str, Any]:
    """Arguments that do not change; the temporal frequency is above 0, or it has no cycles."""
    if "temporal_frequency" in given:
        at_least(given["temporal_frequency"], "frequency", "temporal_frequency", above=True)
    return given


def tuned(
    screen: Screen,
    name: str,
    dimension: str,
    values: np.ndarray[Any, Any],
    fixed: dict[str, Any],
    found: Indices,
    *,
    cycles: int,
    settle: Any,
) -> xr.DataTree:
    """Curves along ``name`` for each output, and what is read off them."""
    unit = DIMENSIONS[dimension].unit
    shown = [{**fixed, name: value if unit == "1" else Quantity(value, unit)} for value in values.tolist()]
    grey = {**shown[-1], "contrast": 0.0}
    conditions = [
        Condition(at_least(each["temporal_frequency"], "frequency", "temporal_frequency"), partial(_show, screen, each))
        for each in (grey, *shown)
    ]
    curves = harmonics(screen, conditions, axis(name, values, dimension), cycles=cycles, settle=settle)
    made = {output: curve.assign({key: read(curve) for key, read in found.items()}) for output, curve in curves.items()}
    tree = xr.DataTree.from_dict(made)
    tree.attrs = {"protocol": f"{name.replace('_', ' ')} of drifting gratings", "cycles": cycles}
    tree.attrs |= {key: str(value) for key, value in fixed.items()}
    return tree


def _show(screen: Screen, values: dict[str, Any], steps: int, chunk: int) -> xr.DataArray:
    """A grating, in a disc where there is a diameter."""
    plain = {name: value for name, value in values.items() if name not in ("diameter", "centre")}
    grating = moving_grating(steps, screen.size, chunk=chunk, **plain, **screen.grid)
    if "diameter" not in values:
        return grating
    radius = at_least(values["diameter"], "angle", "diameters") / 2
    mask = masks.disc(screen.size, f"{radius!r} deg", centre=values["centre"], pixel_size=screen.grid.get("pixel_size"))
    return apply_mask(grating, mask)
