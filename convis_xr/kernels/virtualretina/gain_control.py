"""VirtualRetina's contrast gain control: potential and adaptation read what the other held before."""

from __future__ import annotations

from torch import Tensor

from ..deriche.weights import checked_width
from ..dispatch import choose
from ..gain_control.parameters import GainControl
from ..scalars import Scalar
from . import reference, steps
from .checks import check_movie


def late_gain_control(
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
    """Follow ``dV/dt = A I - g V`` under a leak that adapts to the contrast of one step before.

    Parameters
    ----------
    x : Tensor (batch, channel, time, y, x), float64
        Input I.
    state, input_amplification, g_leak, sigma_px, tau, gain, dt, with_adaptation
        As in `kernels.gain_control.gain_control`; the blur is that of `kernels.deriche`.

    Returns
    -------
    v : Tensor, as x
        With ``g = g0 + a[k-1]``: ``V[k] = A I[k]/g + (V[k-1] - A I[k]/g) exp(-dt g)``.
    a : Tensor, as x, or None
        ``a[k] = c a[k-1] + (1-c) D(Q)``, with ``Q = q/(1 + q/5e5)``, ``q = gain V[k-1]^2``, Hz.
    state : tuple of two Tensor
        What the next chunk starts from.

    Raises
    ------
    ValueError
        If a shape, a dtype or a parameter does not fit.

    Examples
    --------
    >>> import torch
    >>> start = torch.zeros(1, 1, 1, 1, dtype=torch.float64)
    >>> v, a, _ = late_gain_control(torch.ones(1, 1, 2, 1, 1, dtype=torch.float64), (start, start),
    ...     input_amplification=50.0, g_leak=50.0, sigma_px=(0.0, 0.0), tau=0.005, gain=1.0, dt=0.001)
    >>> v.flatten().round(decimals=4), a.flatten().round(decimals=4)
    (tensor([0.0488, 0.0952], dtype=torch.float64), tensor([0.0000, 0.0004], dtype=torch.float64))
    """
    operands = (input_amplification, g_leak, sigma_px, tau, gain, dt)
    p = GainControl(*operands).checked("late_gain_control")
    for sigma in sigma_px:
        checked_width("late_gain_control", sigma)
    check_movie("late_gain_control", x, *state)
    route = choose("late_gain_control", x, *state, *sigma_px, input_amplification, g_leak, tau, gain)
    if route == "reference":
        v, a, state = reference.late_gain_control(x, state, p)
        return v, a if with_adaptation else None, state
    if route == "torch":
        return steps.gain_control(x, state, p, with_adaptation)
    from . import loops  # numba is loaded when first used

    return loops.gain_control(x, state, p, with_adaptation)
