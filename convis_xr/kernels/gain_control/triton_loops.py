"""The gain control in Triton, for a graphics card.

Which of three ways is taken depends on the gain and the frame's size alone, so that no cut of time or batch changes
a bit:

- no gain: nothing couples the pixels. A program follows a tile of them through time, with V and a in registers.
- frames up to `ON_CHIP`: a program follows a movie through time, with V and a in registers. The blur is two products
  with banded matrices, block of columns by block of columns. What is blurred passes through memory that the program
  has for itself and that stays in the nearest cache; held in registers whole, it would not leave room for the sums.
- larger frames: three kernels a step (the membrane; the blur along x; that along y, with the adaptation).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
from torch import Tensor

from ..card import launch
from ..gaussian.banded import matrix
from ..gaussian.triton_loops import TILE, along_x
from ..gaussian.weights import gaussian_weights
from ..memory import empty_like
from ..recursion.rate import rate_of
from ..replay import in_blocks
from ..scalars import number
from .parameters import GainControl
from .triton_kernels import adapt, follow_movies, follow_pixels, membrane

#: height and width of the largest frame that a program follows by itself: V, a and a sum of products in the registers
ON_CHIP = {torch.float32: 128, torch.float64: 64}
#: pixels of a thread: V, a, a sum and what is multiplied must fit into its 255 registers
_PIXELS = {torch.float32: 32, torch.float64: 8}
#: columns of a block of the products, the fewest that there may be
_COLUMNS = 16


class _Work(NamedTuple):
    """What every kernel begins with: movies (n, time, y, x), V and a (n, y, x), and `_constants`."""

    x: Tensor
    v: Tensor
    a: Tensor
    out: Tensor
    adaptations: Tensor
    constants: Tensor


def gain_control(
    x: Tensor, state: tuple[Tensor, Tensor], p: GainControl, with_adaptation: bool
) -> tuple[Tensor, Tensor | None, tuple[Tensor, Tensor]]:
    """Compute what ``reference.gain_control`` defines."""
    x = x.detach().contiguous()
    v, a = (part.detach().clone(memory_format=torch.contiguous_format) for part in state)
    out = empty_like(x)
    adaptation = empty_like(x) if with_adaptation else None
    if x.numel():
        # a kernel that keeps no adaptation is given any place for it, and leaves that alone
        kept = out if adaptation is None else adaptation
        work = _Work(*(part.flatten(0, 1) for part in (x, v, a, out, kept)), _constants(p, x))  # type: ignore[call-arg]
        if number(p.gain) == 0:
            _pixels(work, with_adaptation)
        elif max(x.shape[-2:]) <= ON_CHIP[x.dtype]:
            _movies(work, p, with_adaptation)
        else:
            _steps(work, p, with_adaptation)
    return out, adaptation, (v, a)


def _constants(p: GainControl, x: Tensor) -> Tensor:
    """What a step needs, as a tensor: Triton would round a number to single precision."""
    values = (p.input_amplification, p.g_leak, p.gain, rate_of(p.tau, p.dt), p.dt)
    return torch.tensor([number(value) for value in values], dtype=x.dtype).to(x.device)


def _pixels(work: _Work, keep: bool) -> None:
    movies, steps, height, width = work.x.shape
    pixels = height * width
    tiles = triton.cdiv(pixels, TILE)
    launch(
        follow_pixels, movies * tiles, work.x, *work, steps, pixels, tiles,
        KEEP=keep, TILE=TILE, num_warps=TILE // 32,
    )  # fmt: skip


def _movies(work: _Work, p: GainControl, keep: bool) -> None:
    movies, steps, height, width = work.x.shape
    high, wide = (max(triton.next_power_of_2(n), _COLUMNS) for n in (height, width))
    by = _padded(matrix(p.sigma_px[0], height), high, work.x)
    bx = _padded(matrix(p.sigma_px[1], width).mT, wide, work.x)
    scratch = work.x.new_empty(movies, 2, high, wide)
    warps = max(1, high * wide // (32 * _PIXELS[work.x.dtype]))
    launch(
        follow_movies, movies, work.x, *work, by, bx, scratch, steps,
        H=height, W=width, HIGH=high, WIDE=wide, K=_COLUMNS, KEEP=keep, num_warps=warps, num_stages=1,
    )  # fmt: skip


def _padded(blurring: Tensor, n: int, x: Tensor) -> Tensor:
    """A banded matrix with zeros where there are no pixels, on the device of the movies."""
    missing = n - len(blurring)
    return torch.nn.functional.pad(blurring.detach(), (0, missing, 0, missing)).to(x).contiguous()


def _steps(work: _Work, p: GainControl, keep: bool) -> None:
    movies, steps, height, width = work.x.shape
    weights_y, weights_x = (gaussian_weights(sigma).detach().to(work.x) for sigma in p.sigma_px)
    drive, blurred = work.x.new_empty(2, movies, height, width)
    at = torch.zeros((), dtype=torch.int64, device=work.x.device)
    pixels, total = height * width, movies * height * width
    tiles, options = triton.cdiv(total, TILE), {"TILE": TILE, "num_warps": TILE // 32}
    x, v, a, out, adaptations, constants = work

    def run(n: int) -> None:
        for ahead in range(n):
            now = (constants, at, ahead, steps)
            launch(membrane, tiles, x, x, v, a, out, drive, *now, pixels, total, **options)
            launch(along_x, tiles, x, drive, blurred, weights_x, len(weights_x), width, total, **options)
            launch(
                adapt, tiles, x, blurred, a, adaptations, weights_y, len(weights_y), *now, height, width, total,
                KEEP=keep, **options,
            )  # fmt: skip
        at.add_(n)

    in_blocks(run, steps, x.device)
