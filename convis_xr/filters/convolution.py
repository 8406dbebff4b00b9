"""Convolution with a kernel that the user gives or fits: its impulse response."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from convis_xr import dims
from convis_xr.contract import AXES
from convis_xr.errors import ParameterError, explain
from convis_xr.filters.geometry import Pair, check_pitch, check_step, pitch_of, step_of, upright
from convis_xr.footprint import Footprint
from convis_xr.kernels.convolution import Estimate, Method, causal_convolution, costs
from convis_xr.layer import Layer
from convis_xr.parameters import Parameter
from convis_xr.sampling import Sampling, dequantified
from convis_xr.scales import whole
from convis_xr.units import is_bare


class Conv3d(Layer):
    r"""Causal convolution in time and space.

    :math:`y_o(t, \vec r) = b_o + \sum_{i, k, \vec d} w_{oi}(k, \vec d)\, x_i(t-k, \vec r - \vec d)`. The weight
    is the impulse response, in time and space
    (unlike torch's, which correlates). Its origin is lag 0 and, in space, index ``size // 2``; outside the frame
    the nearest edge pixel is repeated, so the frame keeps its size.

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    out_channels : int
        Channels of the output. A tuple in this place is the kernel size.
    kernel_size : (time, y, x)
        Lengths: plain ints are samples, quantities need a `Sampling` from `set_options`.
    bias : bool
        Whether a constant is added; it starts at 0.
    method : "direct", "fourier", "low_rank" or None
        How it is computed; by default the cheapest by `costs`, and ``"direct"`` where the input is not finite. May be
        changed at any time.

    Raises
    ------
    ParameterError
        There is no such method.

    Notes
    -----
    Input and output: Tensor (batch, channel, time, y, x) or DataArray in any unit, which is kept. Weight: Tensor (out,
    in, lag, y, x), at first small random numbers from torch's generator.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> conv = cx.filters.Conv3d(1, (3, 1, 1))
    >>> conv.set_weight(np.array([0.5, 0.25, 0.125]))
    >>> impulse = cx.as_stimulus(np.array([0.0, 1, 0, 0, 0]), dt="1 ms", units="1")
    >>> conv(impulse).values
    array([0.   , 0.5  , 0.25 , 0.125, 0.   ])
    """

    units_out = None
    history: Any

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int | Sequence[Any] = 1,
        kernel_size: Sequence[Any] | None = None,
        bias: bool = True,
        method: Method | None = None,
    ) -> None:
        super().__init__()
        self.method = method
        given_size = isinstance(out_channels, tuple | list)
        outputs, size = (1, out_channels) if given_size else (out_channels, kernel_size)
        shape = (_channels(outputs, "out_channels"), _channels(in_channels, "in_channels"), *_lengths(size))
        spread = 1 / math.sqrt(math.prod(shape[1:]))
        drawn = torch.empty(shape).uniform_(-spread, spread)
        self.weight = Parameter(drawn, doc="impulse response (out, in, lag, y, x)")
        self.bias = Parameter(torch.zeros(shape[0]), doc="constant that is added") if bias else None
        self._made_for: tuple[float | None, Pair | None] = (None, None)
        self.register_state("history", doc="the last frames of the input")

    def set_weight(
        self, weight: Any, normalize: bool = False, preserve_channels: bool = False, flip: bool = False
    ) -> None:
        """Give the impulse response. Assigning to ``weight`` does the same.

        Parameters
        ----------
        weight : array_like, Tensor, DataArray or number
            By the number of axes: (lag), (y, x), (lag, y, x), (in, lag, y, x), (out, in, lag, y, x); a
            DataArray by its dimensions (``time`` is the lag) and, where it has them, by its coordinates: y grows
            upward, x to the right, and time step and pixels must be those of the stimulus. A number fills the
            kernel that is there.
        normalize : bool
            Divide by the sum.
        preserve_channels : bool
            Use one kernel for all channels that the layer has.
        flip : bool
            Turn the kernel round along time and space: for weights that were made for a correlation.
        """
        plain = dequantified(weight) if hasattr(weight, "dims") else weight
        made = five_axes(plain, self.weight.detach())
        if flip:
            made = made.flip(2, 3, 4)
        if normalize:
            made = made / made.sum()
        if preserve_channels:
            made = _for_all_channels(made, self.weight.shape[0], self.weight.shape[1])
        self.weight.set(made.to(self.weight.dtype).contiguous())
        if self.bias is not None and self.bias.shape[0] != made.shape[0]:
            self.bias.set(torch.zeros(made.shape[0]))
        if hasattr(plain, "dims"):
            self._made_for = step_of(plain), pitch_of(plain)
        elif np.ndim(plain):
            self._made_for = (None, None)
        self.history = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "weight" and "weight" in self._parameters and not isinstance(value, torch.nn.Parameter):
            self.set_weight(value)
            return
        if name == "method" and value not in (*get_args(Method), None):
            wanted, cure = "'direct', 'fourier', 'low_rank' or None", "method=None, the cheapest"
            raise ParameterError(explain("method", wanted=wanted, got=repr(value), cure=cure))
        super().__setattr__(name, value)

    def costs(self, frame: tuple[int, int]) -> Estimate:
        """What each method is expected to cost for frames (y, x) px: to be printed.

        Where a gradient of the weight is wanted, low rank is not chosen, though it is shown.

        Examples
        --------
        >>> import convis_xr as cx
        >>> conv = cx.filters.Conv3d(1, (20, 10, 10))
        >>> print(conv.costs((100, 100)))  # doctest: +ELLIPSIS
        kernel (1, 1, 20, 10, 10), frame (100, 100)
          fourier ... ns for each pixel and step, on one core
          direct ...
        """
        return costs(self.weight.detach(), frame)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (batch, channel, time, y, x)."""
        self.check_input(x)
        history = self.start_history(x) if self.history is None else self.history
        y, self.history = causal_convolution(x, history, self.weight.to(x.dtype), method=self.method)
        if self.bias is None:
            return y
        bias = self.bias.to(x.dtype).view(1, -1, 1, 1, 1)
        return y + bias if torch.is_grad_enabled() else y.add_(bias)

    def check_input(self, x: Tensor) -> None:
        """Raise where the weight was made for other channels, another time step or other pixels."""
        if x.shape[1] != self.weight.shape[1]:
            got, cure = f"{x.shape[1]}", f"a layer with in_channels={x.shape[1]}"
            raise ParameterError(
                explain("channel", wanted=f"{self.weight.shape[1]} input channel(s)", got=got, cure=cure)
            )
        step, pitch = self._made_for
        check_step(step, self.info.sampling, "weight")
        check_pitch(pitch, self.info.sampling, "weight")

    def start_history(self, x: Tensor) -> Tensor:
        """The frames before the first sample of ``x`` (batch, channel, lag - 1, y, x)."""
        return self.start_frame(x).unsqueeze(2).expand(-1, -1, self.weight.shape[2] - 1, -1, -1).contiguous()

    def working_arrays(self, outputs: Sequence[str]) -> float:
        """The input, a copy, spectra of a block of it; the output, and spectra of a block of that."""
        return 3 + 2 * self.weight.shape[0] / self.weight.shape[1]

    def footprint(self, sampling: Sampling) -> Footprint:
        """Remembers the kernel's length, reaches half its width."""
        _, _, lag, height, width = self.weight.shape
        return Footprint(memory=lag - 1, radius=max(height, width) // 2, mixes_channels=True)


class Conv1d(Conv3d):
    r"""Causal convolution in time alone: :math:`y_o(t) = b_o + \sum_{i, k} w_{oi}(k)\, x_i(t-k)`, pixel by pixel.

    As `Conv3d` with a kernel (time, 1, 1).

    Parameters
    ----------
    in_channels, out_channels, bias, method
        As in `Conv3d`.
    kernel_size : int or quantity
        Length in time.

    Notes
    -----
    Input and output: Tensor (batch, channel, time, y, x) or DataArray in any unit, which is kept. A weight (lag,) is
    the impulse response.

    Examples
    --------
    >>> import convis_xr as cx
    >>> cx.filters.Conv1d(kernel_size=20).weight.shape
    torch.Size([1, 1, 20, 1, 1])
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        kernel_size: Any = 1,
        bias: bool = True,
        method: Method | None = None,
    ) -> None:
        super().__init__(in_channels, out_channels, (kernel_size, 1, 1), bias, method)


class Conv2d(Conv3d):
    r"""Convolution in space alone: :math:`y_o(\vec r) = b_o + \sum_{i, \vec d} w_{oi}(\vec d)\, x_i(\vec r - \vec d)`.

    As `Conv3d` with a kernel (1, y, x).

    Parameters
    ----------
    in_channels, out_channels, bias, method
        As in `Conv3d`.
    kernel_size : (y, x)
        Height and width.

    Notes
    -----
    Input and output: Tensor (batch, channel, time, y, x) or DataArray in any unit, which is kept. A weight (y, x) is
    the impulse response; its origin is at ``size // 2``, edges are repeated.

    Examples
    --------
    >>> import convis_xr as cx
    >>> cx.filters.Conv2d(kernel_size=(5, 7)).weight.shape
    torch.Size([1, 1, 1, 5, 7])
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        kernel_size: Sequence[Any] = (1, 1),
        bias: bool = True,
        method: Method | None = None,
    ) -> None:
        if not isinstance(kernel_size, tuple | list) or len(kernel_size) != 2:
            raise ParameterError(explain("kernel_size", wanted="(y, x)", got=repr(kernel_size), cure="(5, 5)"))
        super().__init__(in_channels, out_channels, (1, *kernel_size), bias, method)


def five_axes(weight: Any, present: Tensor) -> Tensor:
    """A weight given in any of the usual forms as (out, in, lag, y, x)."""
    if hasattr(weight, "dims"):
        if not weight.size or not set(weight.dims) <= set(dims.STIMULUS):
            wanted, got = f"a kernel with dims among {dims.STIMULUS}, none of them empty", str(dict(weight.sizes))
            raise ParameterError(explain("weight", wanted=wanted, got=got, cure=".rename or .isel it"))
        weight = upright(weight.transpose(*[dim for dim in dims.STIMULUS if dim in weight.dims]))
        named, weight = weight.dims, weight.values
    else:
        named = None
    tensor = _real(weight).to(present.device)
    if tensor.ndim == 0 and named is None:
        return torch.full_like(present, float(tensor))
    if named is None and (tensor.ndim not in AXES or not tensor.numel()):
        got, cure = f"shape {tuple(tensor.shape)}", "a kernel (lag, y, x)"
        raise ParameterError(explain("weight", wanted="1 to 5 axes, none of them empty", got=got, cure=cure))
    there = AXES[tensor.ndim] if named is None else named
    return tensor[tuple(slice(None) if dim in there else None for dim in dims.STIMULUS)]


def _real(weight: Any) -> Tensor:
    """Numbers as a tensor of their own."""
    array = weight if isinstance(weight, Tensor) else np.array(weight, order="C")  # torch takes no backward strides
    real = not array.is_complex() if isinstance(array, Tensor) else array.dtype.kind in "biuf"
    if not real:
        raise ParameterError(explain("weight", wanted="real numbers", got=str(array.dtype), cure="the real part"))
    return torch.as_tensor(array).detach()


def _for_all_channels(kernel: Tensor, outputs: int, inputs: int) -> Tensor:
    """One kernel (1, 1, lag, y, x), or one that has the channels already, for all channels."""
    if kernel.shape[0] not in (1, outputs) or kernel.shape[1] not in (1, inputs):
        wanted, got = f"one kernel, or ({outputs}, {inputs}, lag, y, x)", f"shape {tuple(kernel.shape)}"
        raise ParameterError(explain("weight", wanted=wanted, got=got, cure="preserve_channels=False"))
    return kernel.expand(outputs, inputs, -1, -1, -1)


def _channels(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ParameterError(explain(name, wanted="a whole number above 0", got=repr(value), cure=f"{name}=1"))
    return int(value)


def _lengths(kernel_size: Any) -> tuple[int, int, int]:
    """Lengths in samples of (time, y, x)."""
    given = (1, 1, 1) if kernel_size is None else kernel_size
    if not isinstance(given, tuple | list) or len(given) != 3:
        raise ParameterError(explain("kernel_size", wanted="(time, y, x)", got=repr(kernel_size), cure="(20, 5, 5)"))
    sampling = Sampling()
    lag, height, width = (
        whole(size, "kernel_size")
        if is_bare(size)
        else (sampling.steps(size, "kernel_size") if axis == 0 else round(sampling.pixels(size, "kernel_size")))
        for axis, size in enumerate(given)
    )
    if min(lag, height, width) < 1:
        wanted = "at least one sample each"
        raise ParameterError(explain("kernel_size", wanted=wanted, got=repr(given), cure="(20, 5, 5)"))
    return lag, height, width
