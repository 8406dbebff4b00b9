"""The definition of bilinear sampling: one value after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


def bilinear(x: np.ndarray[Any, Any], rows: Sequence[float], columns: Sequence[float]) -> np.ndarray[Any, Any]:
    """Sample frames (frame, y, x) at positions (n,); returns (frame, n)."""
    frames, height, width = x.shape
    out = np.empty((frames, len(rows)), x.dtype)
    for n, (row, column) in enumerate(zip(rows, columns, strict=True)):
        row, column = min(max(row, 0.0), height - 1.0), min(max(column, 0.0), width - 1.0)
        top, left, bottom, right = math.floor(row), math.floor(column), math.ceil(row), math.ceil(column)
        down, across = x.dtype.type(row - top), x.dtype.type(column - left)
        for k in range(frames):
            above = x[k, top, left] + across * (x[k, top, right] - x[k, top, left])
            below = x[k, bottom, left] + across * (x[k, bottom, right] - x[k, bottom, left])
            out[k, n] = above + down * (below - above)
    return out
