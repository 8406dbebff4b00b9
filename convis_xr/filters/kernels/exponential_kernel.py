"""An exponential or gamma kernel whose time constant can be fitted."""

from __future__ import annotations

from typing import Any

import torch
import xarray as xr
from torch import Tensor

from convis_xr import dims
from convis_xr.coordinates import grid
from convis_xr.errors import ParameterError, explain
from convis_xr.kernels.gamma import gamma_weights, lags_needed
from convis_xr.module import Module
from convis_xr.parameters import Parameter
from convis_xr.sampling import Sampling

#: longer kernels must be asked for by their length
_LONGEST = 2**20


class ExponentialKernel(Module):
    r"""Impulse response of a gamma cascade :math:`E_{n,\tau}` as a kernel, differentiable in :math:`\tau`.

    :math:`w_k = a \binom{k+n}{n} c^k \Big/ \sum_{j<L} \binom{j+n}{n} c^j,\quad c = e^{-\max(n,1)\, dt/\tau}`: what
    `GammaLowPass` (Wohrer & Kornprobst 2009, eq. 5) answers to a sample of 1, cut to L lags, after which the sum is
    :math:`a` again.

    Parameters
    ----------
    tau : quantity [time]
        Time constant (n = 0), time to peak (n > 0); 0 s is a single 1.
    n : int
        Order, 0 to 16; not fitted by gradients.
    amplification : number
        The sum :math:`a`.
    length : int or quantity [time], optional
        How long it is; a bare int is samples. By default what leaves out less than 1e-6, which changes with tau.

    Raises
    ------
    ContractError
        No time step is known: neither an argument, nor `set_options`.
    ParameterError
        No length is given, and tau is so long that it would be more than 2**20 lags.

    Notes
    -----
    Called with a time step, or within a layer with ``self.sampling``, it gives a Tensor (lag,) in float64.

    Examples
    --------
    >>> import convis_xr as cx
    >>> kernel = cx.filters.kernels.ExponentialKernel(tau="10 ms", length=3)
    >>> kernel("10 ms").detach().numpy().round(3)
    array([0.665, 0.245, 0.09 ])
    >>> (kernel("10 ms") * kernel("10 ms")).sum().backward()
    >>> bool(kernel.tau.grad < 0)
    True
    """

    def __init__(self, tau: Any = "10 ms", n: int = 0, amplification: Any = 1.0, length: Any = None) -> None:
        super().__init__()
        self.n = Parameter(n, "dimensionless", bounds=(0, 16), whole=True, doc="order of the cascade", label="n")
        self.tau = Parameter(tau, "time", bounds=("0 s", None), doc="time constant", label="tau")
        self.amplification = Parameter(amplification, "dimensionless", doc="sum of the kernel", label="amplification")
        if length is not None:
            Sampling(dt="1 s").steps(length, "length")  # a time or a number of samples, not negative
        self.length = length

    def forward(self, dt: Any = None) -> Tensor:
        """The kernel for a time step (quantity or `Sampling`; by default that of `set_options`): Tensor (lag,)."""
        sampling = dt if isinstance(dt, Sampling) else Sampling(dt)
        step, n = sampling.need_dt("ExponentialKernel"), int(self.n)
        weights = gamma_weights(self.tau.double(), n, step, self._lags(sampling, step, n))
        return self.amplification.double() * weights

    def impulse_response(self, dt: Any = None) -> xr.DataArray:
        """The kernel as it is now, labelled: DataArray (time,) [1], ``time`` being the lag."""
        sampling = dt if isinstance(dt, Sampling) else Sampling(dt)
        with torch.no_grad():
            values = self(sampling).cpu().numpy()
        return lagged(values, sampling, "gamma cascade" if int(self.n) else "exponential")

    def _lags(self, sampling: Sampling, step: float, n: int) -> int:
        if self.length is not None:
            return max(1, sampling.steps(self.length, "length"))
        if float(self.tau.detach()) > step * _LONGEST / 30:
            wanted, got = f"a length for kernels of more than {_LONGEST} lags", "none"
            raise ParameterError(explain("length", wanted=wanted, got=got, cure='length="1 s"'))
        return lags_needed(float(self.tau.detach()), n, step)


def lagged(values: Any, sampling: Sampling, name: str) -> xr.DataArray:
    """A kernel (time,) with its lags; as `convis_xr.stimuli.kernels` labels them."""
    coordinates = grid({dims.TIME: len(values)}, sampling)
    coordinates[dims.TIME].attrs["long_name"] = "lag"
    return xr.DataArray(values, coordinates, (dims.TIME,), "kernel", {"long_name": f"{name} kernel", "units": "1"})
