"""Convolution with a kernel that the user gives or fits: its impulse response."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from torch import Tensor

from convis_xr.errors import ParameterError, explain
from convis_xr.filters.weighted import Weighted
from convis_xr.footprint import Footprint
from convis_xr.kernels.convolution import Estimate, Method, causal_convolution, costs
from convis_xr.sampling import Sampling


class Conv3d(Weighted):
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

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int | Sequence[Any] = 1,
        kernel_size: Sequence[Any] | None = None,
        bias: bool = True,
        method: Method | None = None,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, bias)
        self.method = method

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "method" and value not in (*get_args(Method), None):
            wanted, cure = "'direct', 'fourier', 'low_rank' or None", "method=None, the cheapest"
            raise ParameterError(explain("method", wanted=wanted, got=repr(value), cure=cure))
        super().__setattr__(name, value)

    def costs(self, frame: tuple[int, int], steps: int | None = None) -> Estimate:
        """What each method is expected to cost for frames (y, x) px, in chunks of so many steps: to be printed.

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
        return costs(self.weight.detach(), frame, steps=steps)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (batch, channel, time, y, x)."""
        self.check_input(x)
        history = self.start_history(x) if self.history is None else self.history
        y, self.history = causal_convolution(x, history, self.weight.to(x.dtype), method=self.method)
        return self.with_bias(y)

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
