"""What a convolution and a receptive field have in common: a weight over the past, given in many forms, and a bias."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convis_xr import dims
from convis_xr.contract import AXES
from convis_xr.errors import ParameterError, explain
from convis_xr.filters.geometry import Pair, check_pitch, check_step, pitch_of, step_of, upright
from convis_xr.kernels.dispatch import choose, gradient_wanted
from convis_xr.kernels.threads import parallel, split
from convis_xr.layer import Layer
from convis_xr.parameters import Parameter
from convis_xr.sampling import Sampling, dequantified
from convis_xr.scales import whole
from convis_xr.units import is_bare


class Weighted(Layer):
    """A layer with a ``weight`` (out, in, lag, y, x), a ``bias`` (out,) or none, and the last frames as its state.

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

    Raises
    ------
    ParameterError
        A number of channels or a length that is none.
    """

    units_out = None
    history: Any

    def __init__(
        self, in_channels: int = 1, out_channels: Any = 1, kernel_size: Sequence[Any] | None = None, bias: bool = True
    ) -> None:
        super().__init__()
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
        super().__setattr__(name, value)

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

    def with_bias(self, y: Tensor) -> Tensor:
        """Add the bias to (batch, out, time, y, x), in its place where no gradient is wanted."""
        if self.bias is None:
            return y
        bias = self.bias.to(y.dtype).view(1, -1, 1, 1, 1)
        if gradient_wanted(y, bias) or choose("with_bias", y, bias) != "compiled":
            return y + bias
        values, constant = y.numpy(), bias.detach().numpy()  # by numpy: see kernels/memory.py

        def add(span: tuple[int, int]) -> None:
            values[:, :, slice(*span)] += constant

        parallel(add, split(y.shape[2], torch.get_num_threads()))
        return y


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
