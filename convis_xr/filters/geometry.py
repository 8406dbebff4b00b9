"""Where labelled maps and weights lie in a frame: y grows upward, x to the right, 0 in the middle of the frame."""

from __future__ import annotations

import math
from typing import Any

from convis_xr import dims
from convis_xr.errors import ContractError, explain
from convis_xr.sampling import Sampling
from convis_xr.units import Quantity, magnitude, unit_of

Pair = tuple[float, float]
#: pitches may differ by this part, as the steps of one grid may
_JITTER = 1e-3


def upright(labelled: Any) -> Any:
    """Labelled values with row 0 on top and column 0 on the left, as films are read."""
    for dim, falls in ((dims.Y, True), (dims.X, False)):
        if (
            dim in labelled.coords
            and labelled.sizes.get(dim, 1) > 1
            and bool(labelled[dim][0] > labelled[dim][-1]) != falls
        ):
            labelled = labelled.isel({dim: slice(None, None, -1)})
    return labelled


def position_of(labelled: Any) -> Pair | None:
    """The middle (y, x) [degree] of what has coordinates in space; None where it has not both of them.

    Coordinates without a unit do not say where something lies: a weight that was made by hand may have pixel numbers.
    """
    if not all(dim in labelled.coords and "units" in labelled[dim].attrs for dim in dims.SPACE):
        return None
    y, x = (_degrees(labelled[dim], float(labelled[dim].mean())) for dim in dims.SPACE)
    return y, x


def pitch_of(labelled: Any) -> Pair | None:
    """The pixel pitch (y, x) [degree] of what has coordinates in space, as far as they tell; else None."""
    if position_of(labelled) is None or any(_untold(labelled[dim]) for dim in dims.SPACE):
        return None
    others = {str(dim): 0 for dim in labelled.dims if dim not in dims.SPACE}
    return Sampling.of(upright(labelled).isel(others)).pixel_deg


def step_of(labelled: Any) -> float | None:
    """The time step [s] of what has lags with a unit, as far as they tell; else None."""
    if dims.TIME not in labelled.dims or dims.TIME not in labelled.coords or _untold(labelled[dims.TIME]):
        return None
    return Sampling.of(labelled[dims.TIME]).dt_s if "units" in labelled[dims.TIME].attrs else None


def check_step(step: float | None, sampling: Sampling, who: str) -> None:
    """Raise where something was made for another time step than that of the stimulus."""
    if step is None or sampling.dt_s is None or abs(step - sampling.dt_s) <= _JITTER * sampling.dt_s:
        return
    wanted, cure = f"a time step of {sampling.dt_s:g} s, that of the stimulus", "make it with that dt, or resample"
    raise ContractError(explain(who, wanted=wanted, got=f"{step:g} s", cure=cure))


def check_pitch(pitch: Pair | None, sampling: Sampling, who: str) -> None:
    """Raise where something was made for pixels of another pitch than those of the stimulus."""
    if pitch is None or sampling.pixel_deg is None:
        return
    if any(abs(own - frame) > _JITTER * frame for own, frame in zip(pitch, sampling.pixel_deg, strict=True)):
        wanted, got = (f"{y:.6g} x {x:.6g} deg" for y, x in (sampling.pixel_deg, pitch))
        cure = "interpolate it to the pixels of the stimulus (.interp), or resample the stimulus (cx.io.resample)"
        raise ContractError(explain(who, wanted=f"pixels of {wanted}, as those of the stimulus", got=got, cure=cure))


def origin_of(
    position: Pair, size: tuple[int, ...], frame: tuple[int, ...], sampling: Sampling, who: str
) -> tuple[int, int]:
    """First row and column of a part of ``size`` pixels whose middle is at ``position`` in a frame.

    A place between two pixels goes to the nearer one; half way, to the upper or left one, as ``size // 2`` does.

    Parameters
    ----------
    position : (y, x), degree
        From the middle of the frame.
    size, frame : (y, x), px
    sampling : Sampling
    who : str
        For the message.

    Raises
    ------
    ContractError
        The part reaches out of the frame.

    Examples
    --------
    >>> origin_of((0.2, 0.0), (1, 1), (5, 7), Sampling(pixel_size="0.1 deg"), "weight")
    (0, 3)
    """
    pitch = sampling.need_pixel(who) if any(position) else (1.0, 1.0)
    exact = [
        (whole - part) / 2 + sign * place / step
        for whole, part, place, step, sign in zip(frame, size, position, pitch, (-1, 1), strict=True)
    ]
    top, left = (math.ceil(value - 0.5 - 1e-6) for value in exact)
    if min(top, left) < 0 or top + size[0] > frame[0] or left + size[1] > frame[1]:
        where = f" at y = {position[0]:.6g}, x = {position[1]:.6g} deg" if any(position) else ""
        got = f"{size} px{where} for a frame of {frame}"
        cure = "a place or size within it; 0 is the middle of the frame"
        raise ContractError(explain(who, wanted="a field inside the frame", got=got, cure=cure))
    return top, left


def degrees(position: Any, name: str) -> Pair:
    """A place (y, x) given as two quantities."""
    if not isinstance(position, tuple | list) or len(position) != 2:
        cure = f'{name}=("0 deg", "1 deg")'
        raise ContractError(explain(name, wanted="two angles (y, x)", got=repr(position), cure=cure))
    return magnitude(position[0], "angle", name), magnitude(position[1], "angle", name)


def _untold(coordinate: Any) -> bool:
    """Whether a coordinate does not tell its step."""
    return coordinate.size < 2 and "step" not in coordinate.attrs


def _degrees(coordinate: Any, value: float) -> float:
    name = str(coordinate.name)
    return magnitude(Quantity(value, unit_of(coordinate, name)), "angle", name)
