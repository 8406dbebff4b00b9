"""A convolution that is smooth in time: weights for a few temporal components instead of for every lag."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from convis_xr import dims
from convis_xr.coordinates import grid
from convis_xr.errors import ParameterError, explain
from convis_xr.filters.geometry import check_step, step_of, upright
from convis_xr.footprint import Footprint
from convis_xr.kernels.convolution import causal_convolution
from convis_xr.kernels.gamma import lags_needed
from convis_xr.kernels.recursion import low_pass, rest
from convis_xr.layer import Layer
from convis_xr.parameters import Parameter
from convis_xr.sampling import Sampling, dequantified
from convis_xr.units import Quantity, magnitude


class SmoothConv(Layer):
    r"""Convolution whose course in time is a weighted sum of smooth components.

    :math:`y_o(t, \vec r) = b_o + \sum_{i, m, \vec d} w_{oim}(\vec d)\, (B_m * x_i)(t, \vec r - \vec d)`. The components
    :math:`B_m` are by default those of a chain of exponential low-passes, tapped after each: :math:`B_m` is the
    impulse response of m + 1 low-passes in a row, which peaks at about :math:`m \tau` (the gamma memory of de Vries &
    Principe 1992, Neural Networks 5:565). A long kernel so costs no more than a short one.

    Parameters
    ----------
    n : int
        Number of components of the chain.
    tau : quantity [time], or a sequence of n
        Time constant of each low-pass. Not fitted, unless ``tau.requires_grad_()`` says so.
    kernel_size : (y, x)
        Extent in space, in pixels; the origin is at ``size // 2``, edges are repeated.
    in_channels, out_channels : int
        Channels.
    bias : bool
        Whether a constant is added; it starts at 0.
    basis : DataArray (component, time), optional
        Components of your own in place of the chain, such as `kernels.log_splines`; ``time`` is the lag, and its step
        must be that of the stimulus.

    Raises
    ------
    ParameterError
        A basis of other dimensions, or a weight of another form.
    ContractError
        The time step of the basis is not that of the stimulus.

    Notes
    -----
    Input and output: Tensor (batch, channel, time, y, x) or DataArray in any unit, which is kept. Weight: Parameter
    (out, in, component, y, x), at first small random numbers from torch's generator. Before the first frame there were
    zeros, unless ``initial`` says otherwise.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> smooth = cx.filters.SmoothConv(n=3, tau="10 ms")
    >>> smooth.set_weight(np.array([0.0, 0.0, 1.0])[:, None, None])
    >>> impulse = cx.as_stimulus(np.eye(1, 100)[0], dt="1 ms", units="1")
    >>> response = smooth(impulse)
    >>> bool(np.allclose(response, smooth.components(100)[2])), float(response.idxmax("time"))
    (True, 0.019)
    """

    units_out = None
    memory: Any
    basis: Any
    tau: Any

    def __init__(
        self,
        n: int = 3,
        tau: Any = "100 ms",
        kernel_size: Sequence[int] = (1, 1),
        in_channels: int = 1,
        out_channels: int = 1,
        bias: bool = True,
        basis: xr.DataArray | None = None,
    ) -> None:
        super().__init__()
        values = None if basis is None else _read_basis(basis)
        self._basis_step = None if basis is None else step_of(dequantified(basis))
        self.register_buffer("basis", values)
        count = _whole(n, "n") if values is None else values.shape[0]
        self.tau = _time_constants(tau, count) if values is None else None
        if not isinstance(kernel_size, tuple | list) or len(kernel_size) != 2:
            raise ParameterError(explain("kernel_size", wanted="(y, x)", got=repr(kernel_size), cure="(5, 5)"))
        size = tuple(_whole(length, "kernel_size") for length in kernel_size)
        shape = (_whole(out_channels, "out_channels"), _whole(in_channels, "in_channels"), count, *size)
        spread = 1 / math.sqrt(math.prod(shape[1:]))
        drawn = torch.empty(shape).uniform_(-spread, spread)
        self.weight = Parameter(drawn, doc="weights (out, in, component, y, x)", label="weight")
        self.bias = Parameter(torch.zeros(shape[0]), doc="constant that is added", label="bias") if bias else None
        self.register_state("memory", doc="last output of every low-pass, or the last frames")

    def set_weight(self, weight: Any) -> None:
        """Give the weights.

        Parameters
        ----------
        weight : array_like, Tensor or DataArray
            (component, y, x), the same for all channels, or (out, in, component, y, x); a DataArray
            by its dimensions and, where it has them, its coordinates in space. A number fills them all.
        """
        if hasattr(weight, "dims"):
            names = (dims.COMPONENT, *dims.SPACE)
            if set(weight.dims) != set(names):
                wanted, got = f"dims {names}", str(weight.dims)
                raise ParameterError(explain("weight", wanted=wanted, got=got, cure=".rename or .transpose it"))
            weight = upright(dequantified(weight).transpose(*names)).values.copy()
        made = torch.as_tensor(weight, dtype=self.weight.dtype, device=self.weight.device).detach()
        form = tuple(self.weight.shape)
        if made.ndim not in (0, 3, 5) or (made.ndim and tuple(made.shape) != form[-made.ndim :]):
            got, cure = f"shape {tuple(made.shape)}", f"(component, y, x) = {form[2:]}"
            raise ParameterError(explain("weight", wanted=f"a number, {form[2:]} or {form}", got=got, cure=cure))
        self.weight.set(made.expand(form).contiguous())

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (batch, channel, time, y, x)."""
        if x.shape[1] != self.weight.shape[1]:
            got, cure = str(x.shape[1]), f"a layer with in_channels={x.shape[1]}"
            raise ParameterError(explain("channel", wanted=f"{self.weight.shape[1]}", got=got, cure=cure))
        parts = self._chained(x) if self.basis is None else self._convolved(x)
        spatial = self.weight.to(x.dtype).flatten(1, 2).unsqueeze(2)
        y, _ = causal_convolution(
            parts.flatten(1, 2), x.new_empty(x.shape[0], spatial.shape[1], 0, *x.shape[3:]), spatial
        )
        return y if self.bias is None else y + self.bias.to(x.dtype).view(1, -1, 1, 1, 1)

    def components(self, length: Any = None, dt: Any = None) -> xr.DataArray:
        """The temporal components as they are now.

        Parameters
        ----------
        length : int or quantity, optional
            How many lags; by default until the chain has decayed to 1e-6, or the length of the basis.
        dt : quantity, optional
            Time step; by default that of the input seen last, else of `set_options`.

        Returns
        -------
        DataArray (component, time) [1]
            ``time`` is the lag.
        """
        sampling = self._sampling_for(dt)
        with torch.no_grad():
            values = self._responses(sampling, length).cpu().numpy()
        coordinates = grid({dims.TIME: values.shape[1]}, sampling)
        coordinates[dims.TIME].attrs["long_name"] = "lag"
        attrs = {"long_name": "temporal components", "units": "1"}
        made = xr.DataArray(values, coordinates, (dims.COMPONENT, dims.TIME), "components", attrs)
        return made.assign_coords({dims.COMPONENT: np.arange(len(values))})

    def effective_weight(self, length: Any = None, dt: Any = None) -> Tensor:
        """The kernel (out, in, lag, y, x) of the `Conv3d` that does the same; arguments as of `components`.

        Differentiable in the weights and time constants.
        """
        responses = self._responses(self._sampling_for(dt), length).to(self.weight.dtype)
        return torch.einsum("oimyx,ml->oilyx", self.weight, responses)

    def footprint(self, sampling: Sampling) -> Footprint:
        """As long as the chain decays or the basis is; half the width in space."""
        reach = Footprint(radius=max(self.weight.shape[3:]) // 2, mixes_channels=True)
        if self.basis is not None:
            return Footprint(memory=self.basis.shape[1] - 1).then(reach)
        slowest = float(self.tau.detach().max())
        return Footprint.decay(slowest, sampling.need_dt("SmoothConv"), poles=len(self.tau)).then(reach)

    def _chained(self, x: Tensor) -> Tensor:
        """(batch, channel, component, time, y, x) by a chain of low-passes."""
        states = rest(self.start_frame(x), len(self.tau) - 1) if self.memory is None else self.memory
        parts, kept, y = [], [], x
        for state, tau in zip(states, self.tau, strict=True):
            y, last = low_pass(y, state, tau.double(), self.dt)
            parts.append(y)
            kept.append(last)
        self.memory = torch.stack(kept)
        return torch.stack(parts, dim=2)

    def _convolved(self, x: Tensor) -> Tensor:
        """(batch, channel, component, time, y, x) by the basis."""
        check_step(self._basis_step, self.info.sampling, "basis")
        frames = self.basis.shape[1] - 1
        start = self.start_frame(x).unsqueeze(2).expand(-1, -1, frames, -1, -1)
        history = start if self.memory is None else self.memory
        kernel = self.basis.to(x.dtype)[:, None, :, None, None]
        y, last = causal_convolution(x.flatten(0, 1).unsqueeze(1), history.flatten(0, 1).unsqueeze(1), kernel)
        self.memory = last.squeeze(1).unflatten(0, x.shape[:2])
        return y.unflatten(0, x.shape[:2])

    def _responses(self, sampling: Sampling, length: Any) -> Tensor:
        """Impulse responses (component, lag), float64."""
        if self.basis is not None:
            check_step(self._basis_step, sampling, "basis")
            count = self.basis.shape[1] if length is None else _lags(length, sampling)
            return torch.nn.functional.pad(self.basis, (0, count - self.basis.shape[1]))
        dt = sampling.need_dt("components")
        order = len(self.tau) - 1  # of the last component, were all time constants the longest
        decayed = lags_needed(float(self.tau.detach().max()) * max(order, 1), order, dt)
        count = decayed if length is None else _lags(length, sampling)
        y = torch.zeros(1, 1, count, 1, 1, dtype=torch.float64, device=self.tau.device)
        y[:, :, :1] = 1.0
        responses = []
        for tau in self.tau:
            y, _ = low_pass(y, torch.zeros_like(y[:, :, 0]), tau.double(), dt)
            responses.append(y.flatten())
        return torch.stack(responses)

    def _sampling_for(self, dt: Any) -> Sampling:
        if dt is not None:
            return Sampling(dt)
        return self.sampling if self._basis_step is None else Sampling(Quantity(self._basis_step, "s"))


def _lags(length: Any, sampling: Sampling) -> int:
    count = sampling.steps(length, "length")
    if count < 1:
        raise ParameterError(explain("length", wanted="at least one lag", got=repr(length), cure='length="100 ms"'))
    return count


def _read_basis(basis: Any) -> Tensor:
    if not isinstance(basis, xr.DataArray) or set(basis.dims) != {dims.COMPONENT, dims.TIME}:
        got = str(basis.dims) if isinstance(basis, xr.DataArray) else type(basis).__name__
        wanted, cure = f"a DataArray ({dims.COMPONENT}, {dims.TIME})", 'kernels.log_splines("200 ms", 6)'
        raise ParameterError(explain("basis", wanted=wanted, got=got, cure=cure))
    values = dequantified(basis).transpose(dims.COMPONENT, dims.TIME).values
    if not values.size or not np.isfinite(values).all():
        got, cure = f"shape {values.shape}", "a basis without gaps (.fillna)"
        raise ParameterError(explain("basis", wanted="some finite numbers", got=got, cure=cure))
    return torch.tensor(values, dtype=torch.float64)


def _time_constants(tau: Any, count: int) -> Parameter:
    several = isinstance(tau, list | tuple) or (isinstance(tau, Quantity) and tau.ndim == 1)
    values = list(tau) if several else [tau] * count
    if len(values) != count:
        raise ParameterError(explain("tau", wanted=f"one or {count}", got=str(len(values)), cure='tau="100 ms"'))
    seconds = np.array([magnitude(value, "time", "tau") for value in values])
    doc = "time constant of each low-pass"
    return Parameter(Quantity(seconds, "s"), "time", bounds=("0 s", None), doc=doc, requires_grad=False, label="tau")


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ParameterError(explain(name, wanted="a whole number above 0", got=repr(value), cure=f"{name}=3"))
    return int(value)
