"""Contrast gain control: a membrane whose leak grows with the recent contrast around it (Wohrer & Kornprobst 2009)."""

from __future__ import annotations

from torch import Tensor

from ..dispatch import choose, gradient_wanted
from ..scalars import Scalar
from . import reference, steps
from .parameters import GainControl
from .rest import gain_control_rest

__all__ = ["gain_control", "gain_control_rest"]


def gain_control(
    x: Tensor,
    state: tuple[Tensor, Tensor],
    *,
    input_amplification: Scalar,
    g_leak: Scalar,
    sigma_px: tuple[Scalar, Scalar],
    tau: Scalar,
    gain: Scalar,
    dt: float,
    with_adaptation: bool = True,
) -> tuple[Tensor, Tensor | None, tuple[Tensor, Tensor]]:
    """Follow ``dV/dt = A I - g V`` with the leak ``g = g0 + G_sigma * E_tau * (gain V^2)``.

    Exponential Euler: with ``g = g0 + a[k-1]``, ``V[k] = A I[k]/g + (V[k-1] - A I[k]/g) exp(-dt g)``, then
    ``a[k] = c a[k-1] + (1-c) G_sigma * (gain V[k]^2)``, ``c = exp(-dt/tau)``. The blur acts once, on what enters the
    low-pass. With ``gain = 0`` it is a leaky integrator.

    Parameters
    ----------
    x : Tensor (batch, channel, time, y, x)
        Input I.
    state : tuple of two Tensor (batch, channel, y, x), as x
        V, dimensionless, and the adaptation a, Hz: zeros, or where `gain_control_rest` says.
    input_amplification : float or 0-d Tensor, Hz
        A.
    g_leak : float or 0-d Tensor, Hz
        g0; at 0 the membrane only leaks by its adaptation.
    sigma_px : (float or 0-d Tensor, float or 0-d Tensor), px
        Standard deviations of the blur along y and x.
    tau : float or 0-d Tensor, s
        Time constant of the adaptation; 0 is none.
    gain : float or 0-d Tensor, Hz
        How strongly contrast feeds back.
    dt : float, s
        Time step.
    with_adaptation : bool
        Whether all of a is wanted.

    Returns
    -------
    v : Tensor, as x
        V[k].
    a : Tensor, as x, or None
        a[k], Hz.
    state : tuple of two Tensor
        What the next chunk starts from.

    Raises
    ------
    ValueError
        If a shape, a dtype or a parameter does not fit.

    Examples
    --------
    >>> import torch
    >>> start = torch.zeros(1, 1, 1, 1)
    >>> v, a, _ = gain_control(torch.ones(1, 1, 1000, 1, 1), (start, start), input_amplification=50.0, g_leak=50.0,
    ...     sigma_px=(0.0, 0.0), tau=0.005, gain=0.0, dt=0.001)
    >>> round(float(v[0, 0, 19, 0, 0]), 4)  # 1 - exp(-1)
    0.6321
    """
    operands = (input_amplification, g_leak, sigma_px, tau, gain, dt)
    p = GainControl(*operands).checked("gain_control")
    _check(x, state)
    inputs = (x, *state, *sigma_px, input_amplification, g_leak, tau, gain)
    route = choose("gain_control", *inputs, triton=not gradient_wanted(*inputs), adjoint=True)
    if route == "reference":
        v, a, state = reference.gain_control(x, state, p)
        return v, a if with_adaptation else None, state
    if route == "torch":
        return steps.gain_control(x, state, p, with_adaptation)
    if route == "triton":
        from . import triton_loops

        return triton_loops.gain_control(x, state, p, with_adaptation)
    from . import adjoint, loops  # numba is loaded when first used

    if gradient_wanted(*inputs):
        return adjoint.gain_control(x, state, p, with_adaptation)
    return loops.gain_control(x, state, p, with_adaptation)


def _check(x: Tensor, state: tuple[Tensor, Tensor]) -> None:
    if x.dim() != 5 or not x.is_floating_point():
        raise ValueError(
            "gain_control: x: wanted a floating point tensor (batch, channel, time, y, x), "
            f"got {x.dtype} of shape {tuple(x.shape)}"
        )
    shape = (*x.shape[:2], *x.shape[3:])
    for name, part in zip(("V", "a"), state, strict=True):
        if part.shape != shape or part.dtype != x.dtype or part.device != x.device:
            raise ValueError(
                f"gain_control: state ({name}): wanted {x.dtype} of shape {shape} on {x.device}, "
                f"got {part.dtype} of shape {tuple(part.shape)} on {part.device}"
            )
