"""Where the gain control comes to rest when one frame is shown for ever."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..gaussian import gaussian_blur
from ..scalars import Scalar
from .parameters import GainControl

_MOST = 1000


def gain_control_rest(
    frame: Tensor,
    *,
    input_amplification: Scalar,
    g_leak: Scalar,
    sigma_px: tuple[Scalar, Scalar],
    gain: Scalar,
) -> tuple[Tensor, Tensor]:
    """Find the state to which the gain control settles under a constant input.

    It solves ``V = A I / (g0 + a)``, ``a = G * (gain V^2)`` by the damped iteration ``a <- (a + G * (gain V^2)) / 2``,
    frame by frame, so that no frame's result depends on the others.

    Parameters
    ----------
    frame : Tensor (batch, channel, y, x)
        Input I.
    input_amplification, g_leak, gain : float or 0-d Tensor, Hz
        As in `gain_control`.
    sigma_px : (float or 0-d Tensor, float or 0-d Tensor), px
        Standard deviations of the blur along y and x.

    Returns
    -------
    v, a : Tensor, as frame
        The state; dimensionless and Hz. Where the input is 0, V is 0.

    Raises
    ------
    ValueError
        If a parameter does not fit; if there is no rest because nothing leaks (``g_leak`` and ``gain`` both 0 under an
        input that is not).
    RuntimeError
        If the iteration does not settle.

    Examples
    --------
    >>> v, a = gain_control_rest(torch.ones(1, 1, 2, 2, dtype=torch.float64), input_amplification=100.0, g_leak=0.0,
    ...     sigma_px=(1.0, 1.0), gain=100.0)
    >>> round(float(a[0, 0, 0, 0]), 6), round(float(v[0, 0, 0, 0]), 6)  # a^3 = 100^3
    (100.0, 1.0)
    """
    p = GainControl(input_amplification, g_leak, sigma_px, 0.0, gain, 1.0).checked("gain_control_rest")
    amplification, leak, gain = (
        torch.as_tensor(value, dtype=frame.dtype, device=frame.device) for value in (*p[:2], p.gain)
    )
    drive = amplification * frame
    if leak == 0 and gain == 0 and bool(drive.any()):
        raise ValueError(
            "gain_control_rest: g_leak: wanted a leak or a gain above 0 where there is input, got 0 for both: the "
            "membrane grows for ever; give a g_leak above 0"
        )

    def step(a: Tensor) -> Tensor:
        return (a + gaussian_blur(gain * _potential(drive, leak + a) ** 2, sigma_px)) / 2

    with torch.no_grad():
        a = _settled(step, gaussian_blur(_cube_root(gain * drive**2), sigma_px), drive, leak)
    operands = (frame, *p[:2], p.gain, *sigma_px)
    if torch.is_grad_enabled() and any(isinstance(value, Tensor) and value.requires_grad for value in operands):
        # The way to the rest is forgotten, and autograd follows steps that stay there: each halves what is missing of
        # the gradient, since the undamped map's slopes lie between -2 and 0.
        for _ in range(round(-math.log2(torch.finfo(frame.dtype).eps))):
            a = step(a)
    return _potential(drive, leak + a), a


def _settled(step: Callable[[Tensor], Tensor], a: Tensor, drive: Tensor, leak: Tensor) -> Tensor:
    """Iterate until every frame is at rest.

    The best start is the fixed point of a uniform frame without leak: positive wherever there is input nearby.
    """
    tolerance = 16 * torch.finfo(a.dtype).eps
    settled = ~drive.isfinite().flatten(-2).all(-1)  # what is not finite stays so, and keeps no other frame waiting
    for _ in range(_MOST):
        new = torch.where(settled[..., None, None], a, step(a))
        settled = settled | ((new - a).abs() <= tolerance * (leak + new)).flatten(-2).all(-1)
        a = new
        if settled.all():
            return a
    raise RuntimeError(
        f"gain_control_rest: no rest was found in {_MOST} iterations; start from a state of your own instead"
    )


def _cube_root(x: Tensor) -> Tensor:
    """Return about ``x ** (1/3)``, by square roots: torch's powers depend by a bit on where in memory an element is."""
    fourth = x.sqrt().sqrt()
    sixteenth = fourth.sqrt().sqrt()
    return fourth * sixteenth * sixteenth.sqrt().sqrt()  # x ** 0.328


def _potential(drive: Tensor, g: Tensor) -> Tensor:
    """Return ``drive/g``, 0 where there is no drive."""
    return torch.where(drive == 0, 0, drive / torch.where((drive == 0) & (g == 0), 1, g))
