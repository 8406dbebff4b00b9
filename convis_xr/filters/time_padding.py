"""The past, put before the present: what a filter that gives valid samples only needs to keep the length."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from convis_xr.context import running
from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.footprint import Footprint
from convis_xr.layer import Layer
from convis_xr.sampling import Sampling
from convis_xr.units import is_bare

#: what was before the first frame, said without looking at later frames
CAUSAL = {"first_frame": "first_frame", "zeros": "zeros", "ones": 1.0}
#: what is made of the first frames of the input, and how many of them are needed besides ``length``
LOOKING_AHEAD = {"mirror": 0, "reflect": 1, "full_copy": 0, "mean": 0}


class TimePadding(Layer):
    r"""Prepend the last ``length`` frames of the past: :math:`y_k = x_{k-\mathrm{length}}`, ``length + time`` frames.

    A part of other layers: what follows it and gives valid samples only (a `torch.nn.Conv3d` of ``length + 1`` lags)
    has then one sample for each of the input, and sees no border between chunks.

    Parameters
    ----------
    length : int or quantity [time]
        How many frames; a bare int is samples.
    mode : str, number or quantity
        What the past is at the very start:

        - ``"first_frame"``: the first frame, as if it had always been shown;
        - ``"zeros"``, ``"ones"``, a number or a quantity in the unit of the input: that value;
        - ``"mirror"``: the first ``length`` frames turned round in time, the first one repeated;
        - ``"reflect"``: the same, the first one not repeated;
        - ``"full_copy"``: the first ``length`` frames as they are;
        - ``"mean"``: the mean over the first ``length`` frames, of each pixel.

        The last four look ahead, so what is computed of the first samples is not causal; they need as many frames in
        the first chunk. ``initial`` of a run or model, where it is given, holds for this layer too.

    Raises
    ------
    ParameterError
        There is no such mode.
    ContractError
        The first chunk is too short for a mode that looks ahead; or the layer is itself given labelled data: it
        has more time steps than its input, and no labels for them.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) in any unit, which is kept. Output: Tensor (batch, channel,
    length + time, y, x). The state are the last ``length`` frames.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np, torch
    >>> class Smooth(cx.Layer):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.past = cx.filters.TimePadding(2)
    ...     def forward(self, x):
    ...         return torch.nn.functional.avg_pool3d(self.past(x), (3, 1, 1), stride=1)
    >>> Smooth()(cx.as_stimulus(np.array([3.0, 6, 9, 12]), dt="1 ms", units="1")).values
    array([3., 4., 6., 9.])
    """

    units_out = None
    start = "first_frame"
    history: Any

    def __init__(self, length: Any = 0, mode: Any = "first_frame") -> None:
        super().__init__()
        if not (_is_mode(mode) if isinstance(mode, str) else _is_value(mode)):
            wanted = f"a value or one of {', '.join([*CAUSAL, *LOOKING_AHEAD])}"
            raise ParameterError(explain("mode", wanted=wanted, got=repr(mode), cure='mode="first_frame"'))
        steps = Sampling(dt="1 s").steps(length, "length")  # a time or a number of samples, not negative
        self.length = steps if is_bare(length) else length
        self.mode = mode
        self.register_state("history", doc="the last frames of the input")

    def forward(self, x: Tensor) -> Tensor:
        """Prepend the past to (batch, channel, time, y, x)."""
        frames = self._frames(self.sampling)
        history = self._before(x, frames) if self.history is None else self.history
        if history.shape[2] < frames:
            got, cure = f"{history.shape[2]} in the state that is held", "clear_state() after a change of the length"
            raise ContractError(explain("length", wanted=f"{frames} frames of the past", got=got, cure=cure))
        padded = torch.cat((history[:, :, history.shape[2] - frames :], x), dim=2)
        self.history = padded[:, :, x.shape[2] :].clone()
        return padded

    def start_frame(self, x: Tensor) -> Tensor:
        """What was shown before, by ``mode`` where neither the run nor ``initial`` say it."""
        if self._told():
            return super().start_frame(x)
        chosen = CAUSAL.get(self.mode, self.mode) if isinstance(self.mode, str) else self.mode
        return x[:, :, 0] if chosen == "first_frame" else torch.full_like(x[:, :, 0], self._start_value(chosen))

    def footprint(self, sampling: Sampling) -> Footprint:
        """Remembers ``length`` frames; no reach in space."""
        return Footprint(memory=self._frames(sampling))

    def _told(self) -> bool:
        """Whether ``initial`` says what was before."""
        context = running(self)
        return self.initial is not None or (context is not None and context.initial is not None)

    def _frames(self, sampling: Sampling) -> int:
        return sampling.steps(self.length, "length")

    def _before(self, x: Tensor, frames: int) -> Tensor:
        if self._told() or not (isinstance(self.mode, str) and self.mode in LOOKING_AHEAD):
            return self.start_frame(x).unsqueeze(2).expand(-1, -1, frames, -1, -1).contiguous()
        needed = frames + LOOKING_AHEAD[self.mode] if frames else 0
        if x.shape[2] < needed:
            cure = f'run(chunk={needed}) or more, or mode="first_frame"'
            wanted = f"at least {needed} steps in the first chunk, for mode={self.mode!r}"
            raise ContractError(explain("length", wanted=wanted, got=str(x.shape[2]), cure=cure))
        first = x[:, :, needed - frames : needed]
        if self.mode == "mean" and frames:
            return first.mean(2, keepdim=True).expand(-1, -1, frames, -1, -1).contiguous()
        return first if self.mode == "full_copy" else first.flip(2)


def _is_value(mode: Any) -> bool:
    """Whether it is one number or quantity; which unit the input wants is known only when it comes."""
    held = np.asarray(getattr(mode, "magnitude", mode))
    return held.ndim == 0 and held.dtype.kind in "iuf"


def _is_mode(text: str) -> bool:
    return text in CAUSAL or text in LOOKING_AHEAD or any(letter.isdigit() for letter in text)
