"""Random numbers that are a pure function of what they are for: counter-based, by Philox4x32-10.

A draw depends on the key (seed and layer path), the repeat, the absolute time step, the index of the cell in the full
frame, the stream and the span within the step (see `counters` for the layout), and on nothing else: not on how time,
batch or space are cut, on threads, or on what was drawn before. The integers are the same on every route and device.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..dispatch import choose
from . import reference, steps
from .counters import CELLS, Key, key_of, words_of
from .steps import philox4x32

__all__ = ["key_of", "normal", "philox4x32", "uniform"]


def uniform(
    cells: Tensor,
    *,
    key: Key,
    step: int,
    stream: int,
    span: int = 0,
    repeat: int = 0,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Draw uniformly from (0, 1), both ends excluded; the numbers are equal in float32 and float64.

    Parameters
    ----------
    cells : Tensor of any shape, int64
        Index of each cell in the full frame (batch, channel, y, x flattened), below 2**34.
    key : tuple of two int
        From `key_of`.
    step : int
        Absolute time step, below 2**48.
    stream : int
        Below 16: what the draw is for.
    span : int
        Below 4096: number of the draw within the step.
    repeat : int
        Below 2**32: number of the trial.
    dtype : torch.dtype
        float32 or float64.

    Returns
    -------
    Tensor of the shape of `cells`
        Multiples of 2**-24, odd ones.

    Raises
    ------
    ValueError
        If an index is out of range, so that two draws would share one counter.

    Examples
    --------
    >>> cells = torch.arange(1000)
    >>> u = uniform(cells, key=key_of(0, "layer"), step=7, stream=0)
    >>> bool((u[500:] == uniform(cells[500:], key=key_of(0, "layer"), step=7, stream=0)).all())
    True
    """
    return _draw("uniform", cells, key, (step, stream, span, repeat), dtype)


def normal(
    cells: Tensor,
    *,
    key: Key,
    step: int,
    stream: int,
    span: int = 0,
    repeat: int = 0,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Draw from the standard normal distribution, by Box and Muller's transform; the largest possible value is 6.7.

    Parameters, errors as for `uniform`.

    Returns
    -------
    Tensor of the shape of `cells`
        The routes agree within 1e-6, float32 with float64 as well.

    Examples
    --------
    >>> z = normal(torch.arange(100_000), key=key_of(0, "layer"), step=0, stream=0)
    >>> abs(z.mean().item()) < 0.02 and abs(z.std().item() - 1) < 0.02
    True
    """
    return _draw("normal", cells, key, (step, stream, span, repeat), dtype)


def _draw(name: str, cells: Tensor, key: Key, where: tuple[int, int, int, int], dtype: torch.dtype) -> Tensor:
    """Draw on the route that serves the device and the dtype."""
    step, stream, span, repeat = where
    words = words_of(step, stream, span, repeat)
    if cells.numel() and not 0 <= int(cells.min()) <= int(cells.max()) < CELLS:
        raise ValueError(f"cells: wanted indices from 0 to {CELLS - 1}, got {int(cells.min())} to {int(cells.max())}")
    like = torch.empty(0, dtype=dtype, device=cells.device)
    match choose(f"philox.{name}", like, triton=True):
        case "compiled":
            return _compiled(name, cells, key, words, dtype)
        case "triton":
            from . import triton_loops  # Triton is loaded when first used

            return triton_loops.fill(name, cells, key, words, dtype)
        case "torch":
            draw = getattr(steps, name)
            return draw(cells, key=key, step=step, stream=stream, span=span, repeat=repeat, dtype=dtype)
        case _:
            draw = getattr(reference, name)
            values = draw(cells.cpu().numpy(), key=key, step=step, stream=stream, span=span, repeat=repeat)
            return torch.from_numpy(np.asarray(values)).to(like)


def _compiled(name: str, cells: Tensor, key: Key, words: tuple[int, int, int], dtype: torch.dtype) -> Tensor:
    from . import loops  # numba is loaded when first used

    out = torch.empty(cells.shape, dtype=dtype)
    fill = loops.uniforms if name == "uniform" else loops.normals
    fill(cells.contiguous().numpy().reshape(-1), out.numpy().reshape(-1), *map(np.uint32, (*words, *key)))
    return out
