"""`optimize_stimulus`: the stimulus that serves a goal best, within limits of range and power."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from convis_xr.context import InputInfo
from convis_xr.contract import check_finite, check_stimulus, valid_range
from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.layer import Layer
from convis_xr.tensors import block_to_tensor, from_tensor

Goal = Callable[[dict[str, Tensor]], Tensor]

#: Armijo's constant, and how often a step is halved before it is given up
_GAIN, _TRIES = 1e-4, 40
#: shortest and longest step, in units of the last change by the change of the gradient
_SHORTEST, _LONGEST = 1e-12, 1e12


def optimize_stimulus(
    model: Layer,
    goal: Goal,
    like: xr.DataArray,
    *,
    start: str = "noise",
    limits: tuple[float, float] | None = None,
    rms: float | None = None,
    mean: float | None = None,
    steps: int = 200,
    tolerance: float = 1e-6,
    seed: int = 0,
    state: Mapping[str, Any] | None = None,
    outputs: Any = None,
    dtype: torch.dtype = torch.float64,
) -> xr.Dataset:
    r"""Fit a stimulus to a goal: what excites a cell most, or brings the outputs to where they should be.

    Projected gradient ascent with spectral steps (Birgin, Martinez & Raydan 2000, SIAM J Optim 10:1196), each of which
    raises the goal. The projection onto what the limits allow is exact, so where it ends, no small allowed change
    helps; for a goal that is concave in the stimulus that is the optimum. A goal that grows without end wants limits.

    Parameters
    ----------
    model : Layer
        With gradients. Its parameters and its state are left alone.
    goal : callable
        Takes the outputs, name to Tensor (batch, channel, time, y, x), and gives a scalar Tensor that is to be large.
    like : DataArray (time, y, x, ...)
        Shape, coordinates and unit of the stimulus.
    start : "noise" or "like"
        What to begin with: small noise around the mean, or the values of ``like``.
    limits : (float, float), optional
        Least and greatest value; by default the ``valid_range`` of ``like``, if it has one.
    rms : float, optional
        The most that the values may deviate from ``mean``: root of the mean square over the stimulus. (Contrast energy
        is its square, times duration and area.)
    mean : float, optional
        Where no contrast is; by default the middle of the limits, or 0 where there are none.
    steps : int
        At most so many.
    tolerance : float
        The ascent ends when a projected gradient step changes the stimulus by no more than this part of its deviation.
    seed : int
        Of the noise to begin with, and of a model that draws: its numbers are the same at each step.
    state : mapping, optional
        State of the model before the first frame, as `Layer.get_state` or a run's ``convis.state`` gives it: so a
        stimulus can be made piece by piece, in closed loop with what came before. Without: as of a run.
    outputs : str or sequence of str, optional
        Which outputs the goal takes; by default the model's own.
    dtype : torch.dtype
        To compute in.

    Returns
    -------
    Dataset
        ``stimulus``, which keeps to the contract, with ``valid_range`` where there are limits; ``goal`` (step) its
        course, the start first; attribute ``settled``.

    Raises
    ------
    ContractError
        The goal has no gradient, is no real scalar, does not depend on the stimulus, or is not finite at the start;
        limits that nothing can keep to.
    ParameterError
        A number of steps, a tolerance, a seed, a dtype or a start that is none.

    Notes
    -----
    The whole stimulus is computed at once, with its graph: for seconds, not for hours.

    Examples
    --------
    What excites a receptive field most is the field itself, back in time:

    >>> import convis_xr as cx, numpy as np
    >>> cell = cx.filters.RF(1, (3, 2, 2))
    >>> cell.set_weight(np.arange(12.0).reshape(3, 2, 2))
    >>> grey = cx.as_stimulus(np.zeros((3, 2, 2)), dt="10 ms", pixel_size="0.5 deg", units="1")
    >>> found = optimize_stimulus(cell, lambda outputs: outputs["response"][0, 0, -1].sum(), grey, rms=1.0)
    >>> field = np.arange(12.0).reshape(3, 2, 2)[::-1]
    >>> bool(np.allclose(found.stimulus, field / np.sqrt((field**2).mean()), atol=1e-6))
    True
    """
    _check_options(goal, steps, tolerance, seed)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        cure = "dtype=torch.float64"
        raise ParameterError(explain("dtype", wanted="a real torch.dtype", got=repr(dtype), cure=cure))
    reference, sampling = check_stimulus(like, "like")
    allowed = _Allowed.of(limits if limits is not None else valid_range(reference), rms, mean)
    names = tuple(str(dim) for dim in reference.dims)
    check_finite(reference.values, names, {}, "like")
    known = block_to_tensor(reference.values, names, device=model._device(), dtype=dtype)
    if start not in ("noise", "like"):
        raise ParameterError(explain("start", wanted='"noise" or "like"', got=repr(start), cure='start="noise"'))
    info = InputInfo(sampling, reference.attrs["units"], allowed.limits)
    given = None if state is None else {path: torch.as_tensor(value) for path, value in state.items()}

    def climb(x: Tensor) -> tuple[float, Tensor]:
        x = x.detach().requires_grad_()
        held = None if given is None else {path: value.clone() for path, value in given.items()}
        context = model.new_context(info, state=held, seed=seed, outputs=outputs)
        model.begin(context, model.initial, x.detach()[:, :, :1])
        with torch.enable_grad():
            value = _scalar(goal(model.advance(context, x)))
        [slope] = torch.autograd.grad(value, x, allow_unused=True)
        if slope is None:
            cure = "a goal of the outputs, not of parameters alone"
            raise ContractError(
                explain("goal", wanted="a value that depends on the stimulus", got="another", cure=cure)
            )
        return value.item(), slope

    first = allowed.project(known if start == "like" else allowed.noise(known, seed))
    found, course, settled = _ascend(climb, allowed, first, steps, tolerance)
    stimulus = from_tensor(found, reference)
    if allowed.limits is not None:
        stimulus.attrs["valid_range"] = list(allowed.limits)
    made = xr.Dataset({"stimulus": stimulus, "goal": ("step", course, {"long_name": "goal, the start first"})})
    return made.assign_attrs(settled=settled)


@dataclass(frozen=True)
class _Allowed:
    """Stimuli within limits, and no further from a mean than a root mean square."""

    limits: tuple[float, float] | None
    rms: float | None
    mean: float

    @classmethod
    def of(cls, limits: Any, rms: Any, mean: Any) -> _Allowed:
        if limits is not None:
            ends = tuple(limits) if np.ndim(limits) == 1 and len(limits) == 2 else ()
            if not ends or not all(map(_is_number, ends)) or not ends[0] < ends[1]:
                wanted, cure = "(low, high), two finite numbers, low < high", "limits=(0, 1)"
                raise ContractError(explain("limits", wanted=wanted, got=repr(limits), cure=cure))
            limits = (float(ends[0]), float(ends[1]))
        if rms is not None and not (_is_number(rms) and rms > 0):
            raise ContractError(explain("rms", wanted="a finite number above 0", got=repr(rms), cure="rms=0.2"))
        middle = 0.0 if limits is None else (limits[0] + limits[1]) / 2
        if mean is not None and not _is_number(mean):
            raise ContractError(explain("mean", wanted="a finite number", got=repr(mean), cure=f"mean={middle:g}"))
        chosen = middle if mean is None else float(mean)
        if limits is not None and not limits[0] <= chosen <= limits[1]:
            got, cure = f"{chosen:g}", f"mean={middle:g}"
            raise ContractError(explain("mean", wanted=f"a value within {limits}", got=got, cure=cure))
        return cls(limits, None if rms is None else float(rms), chosen)

    def noise(self, like: Tensor, seed: int) -> Tensor:
        """Around the mean, a tenth of what is allowed."""
        spread = (
            self.rms if self.rms is not None else 1.0 if self.limits is None else (self.limits[1] - self.limits[0]) / 2
        )
        draws = torch.Generator().manual_seed(seed)
        drawn = torch.randn(like.shape, generator=draws, dtype=torch.float64)
        return self.mean + 0.1 * spread * drawn.to(like)

    def project(self, x: Tensor) -> Tensor:
        """The nearest that is allowed: shrunk towards the mean, then clipped, as little as is needed.

        Of all allowed stimuli it has the least distance, as Lagrange's multiplier of the power only scales what
        deviates from the mean, before the limits cut it off.
        """
        away = x - self.mean
        if self.rms is None or self._rms(self._cut(away)) <= self.rms:
            return self.mean + self._cut(away)
        low, high = 0.0, 1.0
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if self._rms(self._cut(middle * away)) <= self.rms else (low, middle)
        return self.mean + self._cut(low * away)

    def _cut(self, away: Tensor) -> Tensor:
        if self.limits is None:
            return away
        return away.clamp(self.limits[0] - self.mean, self.limits[1] - self.mean)

    @staticmethod
    def _rms(away: Tensor) -> float:
        return float(away.square().mean().sqrt())


def _ascend(
    climb: Callable[[Tensor], tuple[float, Tensor]], allowed: _Allowed, x: Tensor, steps: int, tolerance: float
) -> tuple[Tensor, list[float], bool]:
    """Where the goal grows no further, its course, and whether that was reached."""
    value, slope = climb(x)
    if not math.isfinite(value) or not bool(slope.isfinite().all()):
        cure = 'start="like" with values at which it is finite, or limits='
        raise ContractError(explain("goal", wanted="a finite value and gradient", got=f"{value:g}", cure=cure))
    course = [value]
    size = max(float(slope.abs().max()), 1e-300)
    # the first step moves the most sensitive sample by what is allowed, or by 1
    length = (allowed.rms if allowed.rms is not None else 1.0) / size
    for _ in range(steps):
        move = allowed.project(x + length * slope) - x
        scale = max(float((x - allowed.mean).norm()), 1e-300)
        if float(move.norm()) <= tolerance * scale:
            return x, course, True
        found = _further(climb, x, value, slope, move)
        if found is None:
            return x, course, float(move.norm()) <= math.sqrt(tolerance) * scale
        after, value, steeper = found
        change, turn = after - x, slope - steeper
        curve = float((change * turn).sum())
        length = float(change.square().sum()) / curve if curve > 0 else length * 10
        length = min(max(length, _SHORTEST), _LONGEST)
        x, slope = after, steeper
        course.append(value)
    return x, course, False


def _further(
    climb: Callable[[Tensor], tuple[float, Tensor]], x: Tensor, value: float, slope: Tensor, move: Tensor
) -> tuple[Tensor, float, Tensor] | None:
    """A place along a move where the goal is higher; None where there is none."""
    gain, part = float((slope * move).sum()), 1.0
    for _ in range(_TRIES):
        there = x + part * move
        found, steeper = climb(there)
        if math.isfinite(found) and bool(steeper.isfinite().all()) and found >= value + _GAIN * part * gain:
            return there, found, steeper
        part /= 2
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and math.isfinite(float(value))


def _check_options(goal: Any, steps: Any, tolerance: Any, seed: Any) -> None:
    if not callable(goal):
        cure = 'lambda outputs: outputs["response"][0, 0, -1].sum()'
        raise ParameterError(explain("goal", wanted="a callable", got=type(goal).__name__, cure=cure))
    if not isinstance(steps, numbers.Integral) or int(steps) < 0:
        raise ParameterError(explain("steps", wanted="a whole number of 0 or more", got=repr(steps), cure="steps=200"))
    if not _is_number(tolerance) or not tolerance >= 0:
        got, cure = repr(tolerance), "tolerance=1e-6"
        raise ParameterError(explain("tolerance", wanted="a number of 0 or more", got=got, cure=cure))
    if not isinstance(seed, numbers.Integral):
        raise ParameterError(explain("seed", wanted="a whole number", got=repr(seed), cure="seed=0"))


def _scalar(value: Any) -> Tensor:
    if not isinstance(value, Tensor) or value.numel() != 1 or value.is_complex():
        got = f"{value.dtype} of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        cure = 'lambda outputs: outputs["response"][0, 0, -1].sum()'
        raise ContractError(explain("goal", wanted="a real scalar Tensor", got=got, cure=cure))
    if not value.requires_grad:
        cure = "a model with gradients, or surrogates, and a goal in torch"
        raise ContractError(explain("goal", wanted="a value with a gradient", got="one that has none", cure=cure))
    return value.reshape(())
