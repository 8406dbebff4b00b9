"""Values of a frame at positions between its pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from ..dispatch import choose
from . import reference

__all__ = ["bilinear"]


def bilinear(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Sample frames at positions between pixels, bilinearly.

    Between pixel centres a value is linear in each direction. Beyond the centres of the outermost pixels the nearest
    pixel is repeated. At the centre of a pixel its value is given as it is, whatever its neighbours are.

    Parameters
    ----------
    x : Tensor (..., y, x)
        Frames, in any unit.
    rows, columns : Tensor (n,), float64, pixels
        Positions: pixel (0, 0) has its centre at (0, 0), rows grow downward.

    Returns
    -------
    Tensor (..., n), dtype of x

    Raises
    ------
    ValueError
        If a shape or a dtype does not fit, the frame is empty, or a position is not finite.

    Examples
    --------
    >>> frame = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    >>> bilinear(frame, torch.tensor([0.5, 1.0, -7.0]).double(), torch.tensor([0.5, 0.25, 1.0]).double())
    tensor([1.5000, 2.2500, 1.0000])
    """
    _check(x, rows, columns)
    route = choose("bilinear", x, rows, columns)
    if route == "torch":
        return _torch(x, rows, columns)
    if route == "reference":
        flat = x.detach().flatten(0, -3).cpu().numpy() if x.dim() > 2 else x.detach().unsqueeze(0).cpu().numpy()
        made = reference.bilinear(flat, rows.tolist(), columns.tolist())
        return torch.from_numpy(made).view(*x.shape[:-2], len(rows)).to(x.device)
    from . import loops  # numba is loaded when first used

    return loops.bilinear(x, rows, columns)


def _torch(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    height, width = x.shape[-2:]
    row, column = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    top, left = row.floor().long(), column.floor().long()
    bottom, right = row.ceil().long(), column.ceil().long()
    down, across = (row - top).to(x.dtype), (column - left).to(x.dtype)
    above, below = (
        first + across * (x[..., line, right] - first) for line, first in ((n, x[..., n, left]) for n in (top, bottom))
    )
    return above + down * (below - above)


def _check(x: Tensor, rows: Tensor, columns: Tensor) -> None:
    if x.dim() < 2 or not x.is_floating_point() or 0 in x.shape[-2:]:
        raise ValueError(
            f"bilinear: x: wanted a floating point tensor (..., y, x) with pixels, got {x.dtype} of shape "
            f"{tuple(x.shape)}"
        )
    for name, value in (("rows", rows), ("columns", columns)):
        if value.dim() != 1 or value.shape != rows.shape or value.dtype != torch.float64 or value.device != x.device:
            raise ValueError(
                f"bilinear: {name}: wanted float64 of shape {tuple(rows.shape[:1])} on {x.device}, got {value.dtype} "
                f"of shape {tuple(value.shape)} on {value.device}"
            )
        if not bool(value.isfinite().all()):
            raise ValueError(f"bilinear: {name}: wanted finite positions, got NaN or infinity")
