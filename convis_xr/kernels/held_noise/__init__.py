"""Spikes under noise that is a current held for a step, as VirtualRetina 2.2.3 has it.

Under a constant current the integrate-and-fire cell moves exactly, and so does `kernels.lif` without noise of its own:
what is left to do is to draw the currents.
"""

from __future__ import annotations

import math

from torch import Tensor

from .. import philox
from ..lif import Events, cells_of, noisy_lif, noisy_lif_times
from ..lif.membrane import NOISE
from ..memory import empty_like
from ..philox.counters import Key
from ..scalars import Scalar, number

__all__ = ["held_noise_lif", "held_noise_lif_times"]


def held_noise_lif(
    current: Tensor,
    state: tuple[Tensor, Tensor],
    *,
    g_leak: Scalar,
    noise: Scalar,
    refractory_mean: Scalar,
    refractory_sd: Scalar,
    dt: float,
    key: Key,
    step: int = 0,
    cells: Tensor | None = None,
    repeat: int = 0,
    surrogate: str | None = "superspike",
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Turn currents into spike counts by integrate-and-fire cells whose noise is a current, drawn once per step.

    To the current of every step ``noise sqrt(2 g_leak/dt) n`` is added, ``n`` standard normal; under it the membrane
    moves and fires exactly. The rate depends on ``dt``, other than that of `kernels.lif.noisy_lif`.

    Parameters
    ----------
    current, state, g_leak, noise, refractory_mean, refractory_sd, dt, key, step, cells, repeat
        As in `kernels.lif.noisy_lif`.

    Returns
    -------
    counts, state
        As of `kernels.lif.noisy_lif`.

    Raises
    ------
    OverflowError, ValueError
        As of `kernels.lif.noisy_lif`.

    Examples
    --------
    >>> import torch
    >>> start = torch.zeros(1, 1, 1, 1)
    >>> counts, _ = held_noise_lif(torch.full((1, 1, 1000, 1, 1), 100.0), (start, start), g_leak=50.0, noise=0.1,
    ...     refractory_mean=0.003, refractory_sd=0.0, dt=0.001, key=(0, 0))
    >>> 55 < int(counts.sum()) < 65
    True
    """
    drive = _with_noise(current, g_leak, noise, dt, key, step, cells, repeat)
    return noisy_lif(
        drive, state, g_leak=g_leak, noise=0.0, refractory_mean=refractory_mean, refractory_sd=refractory_sd,
        dt=dt, key=key, step=step, cells=cells, repeat=repeat, surrogate=surrogate,
    )  # fmt: skip


def held_noise_lif_times(
    current: Tensor,
    state: tuple[Tensor, Tensor],
    *,
    g_leak: Scalar,
    noise: Scalar,
    refractory_mean: Scalar,
    refractory_sd: Scalar,
    dt: float,
    key: Key,
    step: int = 0,
    cells: Tensor | None = None,
    repeat: int = 0,
    surrogate: str | None = "superspike",
) -> tuple[Tensor, tuple[Tensor, Tensor], Events]:
    """Turn currents into spike counts and exact spike times.

    Parameters, errors as for `held_noise_lif`; counts and state have the same bits.

    Returns
    -------
    counts, state, events
        As of `kernels.lif.noisy_lif_times`.

    Examples
    --------
    >>> import torch
    >>> start = torch.zeros(1, 1, 1, 1)
    >>> _, _, events = held_noise_lif_times(torch.full((1, 1, 3, 1, 1), 100.0), (start, start), g_leak=50.0, noise=0.0,
    ...     refractory_mean=0.003, refractory_sd=0.0, dt=0.01, key=(0, 0))
    >>> (events.step.double() * 0.01 + events.offset).round(decimals=4)  # log(2)/50, and so on after 3 ms
    tensor([0.0139], dtype=torch.float64)
    """
    drive = _with_noise(current, g_leak, noise, dt, key, step, cells, repeat)
    return noisy_lif_times(
        drive, state, g_leak=g_leak, noise=0.0, refractory_mean=refractory_mean, refractory_sd=refractory_sd,
        dt=dt, key=key, step=step, cells=cells, repeat=repeat, surrogate=surrogate,
    )  # fmt: skip


def _with_noise(
    current: Tensor,
    g_leak: Scalar,
    noise: Scalar,
    dt: float,
    key: Key,
    step: int,
    cells: Tensor | None,
    repeat: int,
) -> Tensor:
    """Return the current with noise in it."""
    sigma, leak = number(noise), number(g_leak)
    if not (math.isfinite(sigma) and sigma >= 0):
        raise ValueError(f"held_noise_lif: noise: wanted a finite number of 0 or more, got {sigma}")
    if sigma == 0 or current.dim() != 5 or not (leak > 0 and dt > 0):
        return current  # without noise; or what does not fit, which is said where it is checked
    index = cells_of((*current.shape[:2], *current.shape[3:]), current.device) if cells is None else cells
    drawn = empty_like(current)
    scale = sigma * math.sqrt(2 * leak / dt)
    for k, frame in enumerate(drawn.unbind(2)):
        draw = philox.normal(index, key=key, step=step + k, stream=NOISE, repeat=repeat, dtype=current.dtype)
        frame.copy_(scale * draw)
    return current + drawn
