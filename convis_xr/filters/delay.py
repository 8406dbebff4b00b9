"""A delay of the whole signal."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.footprint import Footprint
from convis_xr.kernels.delay import delay, frames_needed
from convis_xr.layer import Layer
from convis_xr.parameters import Parameter
from convis_xr.sampling import Sampling
from convis_xr.scales import whole
from convis_xr.units import is_bare, magnitude


class Delay(Layer):
    r"""A delay of the whole signal, between samples by linear interpolation.

    :math:`y_k = (1-f)\, x_{k-i} + f\, x_{k-i-1},\quad i = \lfloor d/dt \rfloor,\ f = d/dt - i`.

    Parameters
    ----------
    delay : quantity [time] or int
        How much later; a bare int is samples. A quantity can be fitted: where it falls on a sample, its derivative is
        that towards longer delays.
    max_delay : quantity [time] or int, optional
        The longest that ``delay`` may become. By default as many frames are kept as the present delay needs, so
        that a longer one later needs `clear_state`.

    Raises
    ------
    ParameterError
        The delay is negative, or longer than ``max_delay``.
    ContractError
        The held state has fewer frames than the delay needs by now.

    Notes
    -----
    Input and output: Tensor (batch, channel, time, y, x) or DataArray, in any unit, which is kept. Before the first
    frame there were zeros, unless ``initial`` says otherwise.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> ramp = cx.as_stimulus(np.arange(1.0, 6), dt="10 ms", units="1")
    >>> cx.filters.Delay("20 ms")(ramp).values
    array([0., 0., 1., 2., 3.])
    >>> cx.filters.Delay("25 ms")(ramp).values
    array([0. , 0. , 0.5, 1.5, 2.5])
    """

    units_out = None
    history: Any

    def __init__(self, delay: Any = "0 ms", max_delay: Any = None) -> None:
        super().__init__()
        self.in_samples = is_bare(delay)
        self.max_delay = longest_delay(max_delay, self.in_samples)
        value = whole(delay, "delay") if self.in_samples else delay
        self.delay = delay_parameter(value, self.max_delay, self.in_samples)
        self.register_state("history", doc="the last frames of the input")

    def forward(self, x: Tensor) -> Tensor:
        """Delay (batch, channel, time, y, x)."""
        steps = self._steps()
        frames = self._capacity()
        history = self._start(x, frames) if self.history is None else self.history
        if history.shape[2] < frames:
            got = f"{history.shape[2]} in the state that is held"
            cure = "clear_state() after a change of the delay, or max_delay= from the start"
            raise ContractError(explain("delay", wanted=f"{frames} frames of the past", got=got, cure=cure))
        y, self.history = delay(x, history[:, :, history.shape[2] - frames :], steps)
        return y

    def footprint(self, sampling: Sampling) -> Footprint:
        """Remembers as long as it delays; no reach in space."""
        return Footprint(memory=self._capacity(sampling))

    def _steps(self) -> Tensor:
        """The delay in samples, checked: an optimizer may have taken it anywhere."""
        least, most = float(self.delay.detach().min()), float(self.delay.detach().max())
        limit = float("inf") if self.max_delay is None else self.max_delay
        if not (least >= 0 and most <= limit):
            wanted = f"delays from 0 to {limit:g} [{'samples' if self.in_samples else 's'}]"
            cure = "a greater max_delay, or values within it"
            raise ParameterError(explain("delay", wanted=wanted, got=f"{least:g} to {most:g}", cure=cure))
        return _samples(self.delay, self._dt(self.sampling))

    def _capacity(self, sampling: Sampling | None = None) -> int:
        """How many frames are kept."""
        longest = self.delay.detach().max() if self.max_delay is None else torch.tensor(self.max_delay)
        return frames_needed(float(_samples(longest.double(), self._dt(sampling or self.sampling))))

    def _dt(self, sampling: Sampling) -> float:
        return 1.0 if self.in_samples else sampling.need_dt(type(self).__name__)

    def _start(self, x: Tensor, frames: int) -> Tensor:
        return self.start_frame(x).unsqueeze(2).expand(-1, -1, frames, -1, -1).contiguous()


def delay_parameter(value: Any, longest: float | None, in_samples: bool) -> Parameter:
    """A delay in s, or in samples where it is a bare number."""
    bounds: Any = (0, longest) if in_samples else ("0 s", None if longest is None else f"{longest!r} s")
    dimension, doc = ("dimensionless", "delay in samples") if in_samples else ("time", "delay")
    return Parameter(value, dimension, bounds=bounds, doc=doc, whole=in_samples, label="delay")


def longest_delay(value: Any, in_samples: bool) -> float | None:
    """The longest delay, in s or in samples as the delay itself."""
    if value is None:
        return None
    return float(whole(value, "max_delay")) if in_samples else magnitude(value, "time", "max_delay")


def _samples(delay: Tensor, dt: float) -> Tensor:
    """A delay in steps; what is a whole number but for rounding becomes one."""
    steps = delay / dt
    nearest = steps.detach().round()
    return torch.where(
        (steps.detach() - nearest).abs() < 1e-6 * (1 + nearest), steps + (nearest - steps.detach()), steps
    )
