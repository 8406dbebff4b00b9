"""Pictures on another grid of pixels: one sparse matrix per axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from convis_xr.errors import ContractError, explain

#: a grid may stick out of the picture by this part of a pixel
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Axis:
    """Pixels of one axis, centred on 0: how many, and their pitch in degree."""

    size: int
    pitch: float


def target_axis(source: Axis, pitch: float | None, size: int | None, name: str) -> Axis:
    """The axis that is asked for: ``size`` pixels over the same extent, or as many of ``pitch`` as fit into it.

    Raises
    ------
    ContractError
        It would stick out of the picture.

    Examples
    --------
    >>> target_axis(Axis(359, 0.05), 0.2, None, "y")
    Axis(size=89, pitch=0.2)
    """
    extent = source.size * source.pitch
    if pitch is None and size is None:
        return source
    if size is None:
        size = int(extent / float(pitch or 1) + TOLERANCE)
    if pitch is None:
        pitch = extent / max(size, 1)
    if size < 1 or size * pitch > extent + TOLERANCE * pitch:
        got = f"{size} pixels of {pitch:.6g} deg"
        cure = "smaller pixels, or fewer"
        raise ContractError(explain(f"{name} grid", wanted=f"pixels within {extent:.6g} deg", got=got, cure=cure))
    return Axis(size, pitch)


def weights(source: Axis, target: Axis, method: str) -> Any:
    """The matrix (target, source) of one axis; rows add up to 1.

    ``area``: mean over the target pixel. ``linear``: between the centres of source pixels, constant beyond the outer
    ones.

    Examples
    --------
    >>> weights(Axis(4, 1.0), Axis(2, 2.0), "area").toarray()
    array([[0.5, 0.5, 0. , 0. ],
           [0. , 0. , 0.5, 0.5]])
    """
    # everything in units of source pixels, from the first one's outer edge
    ratio = target.pitch / source.pitch
    first = (source.size - target.size * ratio) / 2
    if method == "area":
        return _area(source.size, target.size, first, ratio)
    centres = first + (np.arange(target.size) + 0.5) * ratio
    rows = np.arange(target.size)
    place = np.clip(centres - 0.5, 0, source.size - 1)
    left = np.minimum(place.astype(np.int64), max(source.size - 2, 0))
    right = np.minimum(left + 1, source.size - 1)
    part = place - left
    values, columns = np.concatenate([1 - part, part]), np.concatenate([left, right])
    made = sparse.csr_array((values, (np.concatenate([rows, rows]), columns)), (target.size, source.size))
    made.eliminate_zeros()
    return made


def nearest(source: Axis, target: Axis) -> np.ndarray[Any, Any]:
    """Index of the source pixel in which the centre of each target pixel lies."""
    ratio = target.pitch / source.pitch
    centres = (source.size - target.size * ratio) / 2 + (np.arange(target.size) + 0.5) * ratio
    return np.clip(np.floor(centres + TOLERANCE * ratio).astype(np.int64), 0, source.size - 1)


def _area(source: int, target: int, first: float, ratio: float) -> Any:
    lower = np.clip(first + np.arange(target) * ratio, 0, source)
    upper = np.clip(lower + ratio, 0, source)
    begin = np.minimum(lower.astype(np.int64), source - 1)
    width = int(np.ceil(ratio)) + 1
    columns = begin[:, None] + np.arange(width)
    overlap = np.minimum(upper[:, None], columns + 1) - np.maximum(lower[:, None], columns)
    overlap[(overlap <= TOLERANCE * ratio) | (columns >= source)] = 0
    rows = np.broadcast_to(np.arange(target)[:, None], columns.shape)
    kept = overlap > 0
    made = sparse.csr_array((overlap[kept], (rows[kept], columns[kept])), (target, source))
    return sparse.csr_array(sparse.diags_array(1 / made.sum(axis=1)) @ made)
