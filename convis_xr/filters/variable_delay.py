"""A delay for each pixel."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from torch import Tensor

from convis_xr import dims
from convis_xr.errors import ContractError, ParameterError, UnitError, explain
from convis_xr.filters.delay import Delay, delay_parameter, longest_delay
from convis_xr.filters.geometry import check_pitch, pitch_of, upright
from convis_xr.footprint import Footprint
from convis_xr.layer import Layer
from convis_xr.parameters import Parameter
from convis_xr.sampling import Sampling, dequantified
from convis_xr.units import is_bare


class VariableDelay(Delay):
    r"""A delay of its own for each pixel, between samples by linear interpolation.

    :math:`y_k(\vec r) = (1-f)\, x_{k-i}(\vec r) + f\, x_{k-i-1}(\vec r)`, where :math:`i + f = d(\vec r)/dt` and
    :math:`0 \le f < 1`.

    Parameters
    ----------
    delay : DataArray (y, x) [time], quantity of an array (y, x), array of ints, or Parameter (y, x)
        How much later each pixel is, for the whole frame; ints without a unit are samples. A DataArray is laid as
        its coordinates say (y grows upward), and its pixels must be those of the stimulus.
    max_delay : quantity [time] or int, optional
        The longest delay that may occur; by default the longest of ``delay``, which then can only be shortened. So many
        frames are kept.

    Raises
    ------
    ParameterError
        A delay is negative or longer than ``max_delay``, or the map has not the axes (y, x).
    ContractError
        The map is not of the size of the frame, or its pixels are not of the size of the stimulus'.

    Notes
    -----
    Input and output: Tensor (batch, channel, time, y, x) or DataArray, in any unit, which is kept. All channels share
    the map. Delays in time are differentiable; a whole one has the derivative towards longer delays.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> wave = cx.filters.VariableDelay(cx.units.Quantity(np.array([[0.0, 10.0, 15.0]]), "ms"))
    >>> ramps = np.arange(1.0, 5)[:, None, None] + np.zeros((1, 3))
    >>> film = cx.as_stimulus(ramps, dt="10 ms", pixel_size="1 deg", units="1")
    >>> wave(film).values[:, 0]
    array([[1. , 0. , 0. ],
           [2. , 1. , 0.5],
           [3. , 2. , 1.5],
           [4. , 3. , 2.5]])
    """

    def __init__(self, delay: Any, max_delay: Any = None) -> None:
        Layer.__init__(self)
        values = _map_of(delay)
        given = isinstance(values, Parameter)
        self.in_samples = values.dimension == "dimensionless" if given else is_bare(values)
        longest = longest_delay(max_delay, self.in_samples)
        made = values if given else delay_parameter(values, longest, self.in_samples)
        self.max_delay = float(made.detach().max()) if longest is None else longest
        self._pitch = pitch_of(delay) if hasattr(delay, "dims") else None
        self.delay = made
        self.register_state("history", doc="the last frames of the input")

    def __setattr__(self, name: str, value: Any) -> None:
        held = self.__dict__.get("_parameters", {}).get("delay") if name == "delay" else None
        if isinstance(held, Parameter) and not isinstance(value, Parameter):
            held.set(_map_of(value))
            self._pitch = pitch_of(value) if hasattr(value, "dims") else None
        else:
            super().__setattr__(name, value)

    def forward(self, x: Tensor) -> Tensor:
        """Delay (batch, channel, time, y, x)."""
        if self.delay.shape != x.shape[3:]:
            got, cure = f"{tuple(self.delay.shape)}", "a map of the size of the frame"
            raise ContractError(explain("delay", wanted=f"a map of {tuple(x.shape[3:])} px", got=got, cure=cure))
        check_pitch(self._pitch, self.info.sampling, "delay")
        return super().forward(x)

    def footprint(self, sampling: Sampling) -> Footprint:
        """Remembers as long as it delays at most; the map belongs to the whole frame, of which no part may be cut."""
        return Footprint(memory=self._capacity(sampling), radius=math.inf)


def _map_of(value: Any) -> Any:
    """The values (y, x) with their unit, row 0 on top."""
    if hasattr(value, "dims"):
        value = dequantified(value)
        if set(value.dims) != set(dims.SPACE):
            wanted, cure = f"a map of dims {dims.SPACE}", ".rename it, or .isel one of the other dims"
            raise ParameterError(explain("delay", wanted=wanted, got=str(value.dims), cure=cure))
        value = upright(value.transpose(*dims.SPACE))
    if (
        not np.size(getattr(value, "magnitude", value))
        or np.ndim(getattr(value, "magnitude", value)) != 2
        or isinstance(value, str)
    ):
        wanted, cure = "delays (y, x), one for each pixel", "Delay(...) for one delay of the whole frame"
        got = f"shape {tuple(value.shape)}" if hasattr(value, "shape") else repr(value)
        raise ParameterError(explain("delay", wanted=wanted, got=got, cure=cure))
    made = value if hasattr(value, "shape") else np.asarray(value)
    if (
        not isinstance(made, Parameter)
        and is_bare(made)
        and not str(made.dtype).removeprefix("torch.").startswith(("int", "uint"))
    ):
        cure = 'Quantity(array, "ms"), or an array of ints: samples'
        raise UnitError(explain("delay", wanted="times, or whole samples", got=f"bare {made.dtype}", cure=cure))
    return made
