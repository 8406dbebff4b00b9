"""Ganglion cells without pooling, from the bipolar potential to spike counts, in one operation."""

from __future__ import annotations

from types import ModuleType

from torch import Tensor

from ..dispatch import choose
from ..lif import cells_of, noisy_lif
from ..lif.membrane import Membrane, Source
from ..nonlinearity import ganglion_nonlinearity
from ..philox.counters import Key
from ..recursion import partial_high_pass
from ..recursion.rate import rate_of
from ..scalars import Scalar, number

__all__ = ["ganglion_spikes"]


def ganglion_spikes(
    potential: Tensor,
    state: tuple[Tensor, Tensor, Tensor],
    *,
    sign: Scalar,
    transient_tau: Scalar,
    transient_weight: Scalar,
    threshold: Scalar,
    baseline: Scalar,
    slope: Scalar,
    g_leak: Scalar,
    noise: Scalar,
    refractory_mean: Scalar,
    refractory_sd: Scalar,
    dt: float,
    key: Key,
    step: int = 0,
    cells: Tensor | None = None,
    repeat: int = 0,
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Turn bipolar potentials into spike counts: `partial_high_pass`, `ganglion_nonlinearity`, `noisy_lif`.

    The compiled route and Triton's go through memory once instead of three times; counts and state have the bits that
    the three operations give.

    Parameters
    ----------
    potential : Tensor (batch, channel, time, y, x), dimensionless
        Bipolar potential. It is taken as it is, cut from any graph: counts are not differentiable.
    state : tuple of three Tensor (batch, channel, y, x); dimensionless, dimensionless, s
        Low-pass of the potential, membrane, and what is left of the refractory period.
    sign : float or 0-d Tensor, dimensionless
        +1 ON, -1 OFF.
    transient_tau, transient_weight
        As in `partial_high_pass`.
    threshold, baseline, slope
        As in `ganglion_nonlinearity`.
    g_leak, noise, refractory_mean, refractory_sd, dt, key, step, cells, repeat
        As in `noisy_lif`.

    Returns
    -------
    counts : Tensor (batch, channel, time, y, x), uint8
        Spikes per step.
    state : tuple of three Tensor
        What the next chunk starts from.

    Raises
    ------
    ValueError, OverflowError
        As the three operations.

    Examples
    --------
    >>> import torch
    >>> start = torch.zeros(1, 1, 2, 2)
    >>> counts, _ = ganglion_spikes(torch.ones(1, 1, 1000, 2, 2), (start, start, start), sign=1, transient_tau=0.02,
    ...     transient_weight=0.7, threshold=0.0, baseline=37.0, slope=100.0, g_leak=50.0, noise=0.1,
    ...     refractory_mean=0.003, refractory_sd=0.0, dt=0.001, key=(0, 0))
    >>> counts.shape, bool(counts.any())
    (torch.Size([1, 1, 1000, 2, 2]), True)
    """
    x, (low, *membrane_state) = potential.detach(), state
    membrane = Membrane(number(g_leak), number(noise), number(refractory_mean), number(refractory_sd), float(dt))
    route = choose("ganglion_spikes", x, triton=True)
    fused = route in ("compiled", "triton") and membrane.parts == 1
    # The three operations check their own arguments, for a fused one on no sample at all.
    seen = x[:, :, :0] if fused else x
    transient, low_end = partial_high_pass(seen, low.detach(), number(transient_tau), number(transient_weight), dt)
    current = ganglion_nonlinearity(number(sign) * transient, number(threshold), number(baseline), number(slope))
    if cells is None:
        cells = cells_of(low.shape, x.device)
    counts, spiking = noisy_lif(
        current, (membrane_state[0], membrane_state[1]), g_leak=g_leak, noise=noise, refractory_mean=refractory_mean,
        refractory_sd=refractory_sd, dt=dt, key=key, step=step, cells=cells, repeat=repeat,
    )  # fmt: skip
    if not fused:
        return counts, (low_end, *spiking)
    return _fused(route).ganglion_spikes(
        x, state, cells,
        (number(rate_of(transient_tau, dt).to(x.dtype)), number(transient_weight), number(sign)),
        (number(threshold), number(baseline), number(slope)),
        membrane,
        Source(key, int(step), int(repeat)),
    )  # fmt: skip


def _fused(route: str) -> ModuleType:
    if route == "triton":
        from . import triton_loops  # Triton is loaded when first used

        return triton_loops
    from . import loops  # numba is loaded when first used

    return loops
