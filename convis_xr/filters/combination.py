"""Sum and difference: of several inputs, or along a named dimension of one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from convis_xr import dims
from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.footprint import Footprint
from convis_xr.layer import Layer
from convis_xr.sampling import Sampling

_COMBINED = (dims.CHANNEL, dims.Y, dims.X)


class Sum(Layer):
    r"""Sum of all inputs: :math:`y = \sum_i x_i`; where ``dim`` is given, along these dimensions too.

    Parameters
    ----------
    dim : str or tuple of str, optional
        ``"channel"``, ``"y"``, ``"x"``: what is summed over, and has length 1 then. By default none.

    Raises
    ------
    ParameterError
        Another dimension: time keeps its length, and entries of a batch are independent.
    ContractError
        The inputs have not the same shape (but for what is summed over), or, labelled, not the same coordinates.
    UnitError
        The inputs' units do not convert to that of the first.

    Notes
    -----
    Inputs: one or more Tensors (batch, channel, time, y, x) or DataArrays. Output: in the unit of the first.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> a = cx.as_stimulus(np.array([1.0, 2, 3]), dt="1 ms", units="mV")
    >>> b = cx.as_stimulus(np.array([500.0, 500, 500]), dt="1 ms", units="uV")
    >>> cx.filters.Sum()(a, b).values
    array([1.5, 2.5, 3.5])
    """

    units_out = None

    def __init__(self, dim: str | Sequence[str] | None = None) -> None:
        super().__init__()
        self.dim = () if dim is None else tuple(dim) if isinstance(dim, list | tuple) else (dim,)
        for name in self.dim:
            _check_dim(name, _COMBINED)
        if len(set(self.dim)) < len(self.dim):
            raise ParameterError(explain("dim", wanted="each dimension once", got=repr(dim), cure='dim=("y", "x")'))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Sum of (batch, channel, time, y, x) each."""
        axes = [dims.STIMULUS.index(name) for name in self.dim]
        parts = [x.sum(axes, keepdim=True) if axes and isinstance(x, Tensor) else x for x in inputs]
        return reduce(torch.add, _alike(parts))

    def footprint(self, sampling: Sampling) -> Footprint:
        """No memory; the frame and the channels where they are summed over."""
        return _reach(self.dim)


class Diff(Layer):
    r"""Difference: of two inputs, :math:`y = a - b`; of one, along a dimension.

    Parameters
    ----------
    dim : "time", "channel" or None
        What one input is taken apart by. ``"time"``: each frame minus the one before,
        :math:`y_k = x_k - x_{k-1}`; ``"channel"``: the first of two channels minus the second. With None there must
        be two inputs, and the layer has no state.

    Raises
    ------
    ParameterError
        Another dimension.
    ContractError
        Not one or two inputs; not two channels; or the inputs have not the same shape or, labelled, coordinates.
    UnitError
        The second input's unit does not convert to that of the first.

    Notes
    -----
    Inputs: Tensors (batch, channel, time, y, x) or DataArrays. Output: in the unit of the first. Before the first
    frame there was the same one, so the first difference in time is 0 (``initial`` may say otherwise).

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> a = cx.as_stimulus(np.array([1.0, 4, 9]), dt="1 ms", units="1")
    >>> cx.filters.Diff()(a).values, cx.filters.Diff()(a, 0.5 * a).values
    (array([0., 3., 5.]), array([0.5, 2. , 4.5]))
    """

    units_out = None
    start = "first_frame"
    previous: Any

    def __init__(self, dim: str | None = "time") -> None:
        super().__init__()
        if dim is not None:
            _check_dim(dim, (dims.TIME, dims.CHANNEL))
        self.dim = dim
        if dim == dims.TIME:
            self.register_state("previous", doc="the last frame of the input")

    def forward(self, *inputs: Tensor) -> Tensor:
        """Difference of (batch, channel, time, y, x)."""
        if len(inputs) == 2:
            first, second = _alike(inputs)
            return first - second
        if len(inputs) != 1 or self.dim is None:
            cure = 'Diff()(a, b), or Diff(dim="time")(a)'
            raise ContractError(explain("inputs", wanted="two inputs", got=str(len(inputs)), cure=cure))
        return self._over_time(inputs[0]) if self.dim == dims.TIME else _of_channels(inputs[0])

    def footprint(self, sampling: Sampling) -> Footprint:
        """One frame where the difference is in time; the channels where it is one of channels."""
        return Footprint(memory=1) if self.dim == dims.TIME else _reach((self.dim,))

    def _over_time(self, x: Tensor) -> Tensor:
        before = self.start_frame(x) if self.previous is None else self.previous
        self.previous = x[:, :, -1]
        return x - torch.cat((before.unsqueeze(2), x[:, :, :-1]), dim=2)


def _of_channels(x: Tensor) -> Tensor:
    if x.shape[1] != 2:
        cure = "isel(channel=[...]) to two, or Diff(dim=None)(a, b)"
        raise ContractError(explain("channel", wanted="two channels", got=str(x.shape[1]), cure=cure))
    return x[:, :1] - x[:, 1:]


def _reach(names: Sequence[str | None]) -> Footprint:
    return Footprint(radius=math.inf if set(names) & set(dims.SPACE) else 0, mixes_channels=dims.CHANNEL in names)


def _check_dim(name: Any, known: Sequence[str]) -> None:
    if name in known:
        return
    wanted = f"one of {', '.join(known)}"
    reason = "the method of the DataArray (.sum, .mean, .diff) on the result for others; axes go by name, not number"
    raise ParameterError(explain("dim", wanted=wanted, got=repr(name), cure=reason))


def _alike(inputs: Sequence[Any]) -> Sequence[Tensor]:
    """The inputs, checked to be of one shape: broadcasting would hide a mistake."""
    first = inputs[0]
    for x in inputs[1:]:
        if not isinstance(x, Tensor) or x.shape != first.shape:
            got = str(tuple(x.shape)) if isinstance(x, Tensor) else type(x).__name__
            cure = "inputs of one shape, or .expand"
            raise ContractError(explain("inputs", wanted=f"all of shape {tuple(first.shape)}", got=got, cure=cure))
    return inputs
