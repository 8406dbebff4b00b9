"""A linear feedback loop as a layer."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from convis_xr import dims
from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.filters.geometry import check_step, step_of
from convis_xr.footprint import Footprint
from convis_xr.kernels.feedback import feedback, rest
from convis_xr.layer import Layer
from convis_xr.parameters import Parameter
from convis_xr.sampling import Sampling
from convis_xr.scales import whole
from convis_xr.units import is_bare


class Feedback(Layer):
    r"""Linear feedback in time, at every pixel: :math:`y_k = x_k - \sum_{j=1}^{n} w_j\, y_{k-j}`.

    The output comes back after one step at the earliest, so that the loop is causal. Its transfer function is
    :math:`1 / (1 + \sum_j w_j z^{-j})` (Oppenheim & Schafer 2010, Discrete-Time Signal Processing, ch. 6): it
    diverges where that has a pole on or outside of the unit circle.

    Parameters
    ----------
    length : int or quantity [time]
        How long an output comes back, n; a plain int is steps, a quantity needs a `Sampling` from `set_options`.
    channels : int
        1: all channels share a loop; else one for each of so many channels.

    Raises
    ------
    ContractError
        The loop has diverged, or has no steady state to start in.

    Notes
    -----
    Input and output: Tensor (batch, channel, time, y, x) or DataArray in any unit, which is kept. Weight: Tensor
    (channel, lag), at first 0: no feedback; ``weight[:, 0]`` weighs the output of the step before.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> loop = cx.models.Feedback(2)
    >>> loop.set_weight(np.array([0.0, 0.5]))
    >>> impulse = cx.as_stimulus(np.array([1.0, 0, 0, 0, 0]), dt="1 ms", units="1")
    >>> loop(impulse).values
    array([ 1.  ,  0.  , -0.5 ,  0.  ,  0.25])
    """

    units_out = None
    past: Any

    def __init__(self, length: Any = 50, channels: int = 1) -> None:
        super().__init__()
        steps = whole(length, "length") if is_bare(length) else Sampling().steps(length, "length")
        for name, value in (("length", steps), ("channels", channels)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                wanted = "a whole number above 0"
                raise ParameterError(explain(name, wanted=wanted, got=repr(value), cure=f"{name}=1"))
        self.weight = Parameter(torch.zeros(channels, steps), doc="weight of past outputs (channel, lag from 1 on)")
        self._made_for: float | None = None
        self.register_state("past", doc="the last outputs")

    def set_weight(self, weight: Any) -> None:
        """Give the weights of past outputs. Assigning to ``weight`` does the same.

        Parameters
        ----------
        weight : array_like, Tensor, DataArray or number
            (lag) or (channel, lag), the first lag being one step; a DataArray by its dimensions, ``time`` being the
            lag, whose step must be that of the stimulus. A number fills the loop that is there.
        """
        step = None
        if hasattr(weight, "dims"):
            if not set(weight.dims) <= {dims.CHANNEL, dims.TIME}:
                wanted, got = f"dimensions {dims.CHANNEL}, {dims.TIME}", ", ".join(map(str, weight.dims))
                raise ParameterError(explain("weight", wanted=wanted, got=got, cure="weight.squeeze()"))
            step = step_of(weight)
            weight = weight.transpose(*[dim for dim in (dims.CHANNEL, dims.TIME) if dim in weight.dims]).values
        made = torch.as_tensor(weight, dtype=self.weight.dtype, device=self.weight.device).detach()
        made = torch.full_like(self.weight.detach(), float(made)) if made.ndim == 0 else made
        self.weight.set(made.unsqueeze(0) if made.ndim == 1 else made)
        self._made_for = step
        self.past = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "weight" and "weight" in self._parameters and not isinstance(value, torch.nn.Parameter):
            self.set_weight(value)
        else:
            super().__setattr__(name, value)

    def forward(self, x: Tensor) -> Tensor:
        """Close the loop around (batch, channel, time, y, x)."""
        weight = self.weight.to(x.dtype)
        if weight.shape[0] not in (1, x.shape[1]):
            wanted, cure = f"{weight.shape[0]} channel(s)", f"Feedback(channels={x.shape[1]})"
            raise ParameterError(explain("channel", wanted=wanted, got=f"{x.shape[1]}", cure=cure))
        check_step(self._made_for, self.info.sampling, "weight")
        past = self._start(x, weight) if self.past is None else self.past
        y, self.past = feedback(x, past, weight)
        # what is not finite stays in the loop, so the last outputs tell
        if not bool(y[:, :, -weight.shape[1] :].isfinite().all()) and bool(x.isfinite().all()):
            cure = "weights whose absolute values are less than 1 in sum"
            raise ContractError(explain("weight", wanted="a loop that settles", got="infinite outputs", cure=cure))
        return y

    def footprint(self, sampling: Sampling) -> Footprint:
        """A loop never surely forgets; no reach in space. Loops of their own keep the channels together."""
        closed = bool((self.weight.detach() != 0).any())
        return Footprint(memory=math.inf if closed else 0, mixes_channels=self.weight.shape[0] > 1)

    def _start(self, x: Tensor, weight: Tensor) -> Tensor:
        frame = self.start_frame(x)
        if not bool((frame != 0).any()):
            return frame.unsqueeze(2).expand(-1, -1, weight.shape[1], -1, -1).contiguous()
        least = float(weight.detach().sum(1).min())
        if least <= -1:
            wanted, cure = "weights of more than -1 in sum, to start at rest", 'initial="zeros"'
            raise ContractError(explain("weight", wanted=wanted, got=f"{least:g}", cure=cure))
        return rest(frame, weight)
