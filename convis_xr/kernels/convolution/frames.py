"""Frames with room around them: how compiled convolutions see the edges, and how gradients come back over them."""

from __future__ import annotations

from ..compiled import compiled


@compiled
def extend(frame, target, top, left):  # type: ignore[no-untyped-def]
    """Lay a frame into a larger one at (top, left), its edge pixels repeated as far as the larger one reaches."""
    height, width = frame.shape
    for i in range(target.shape[0]):
        row = frame[min(max(i - top, 0), height - 1)]
        out = target[i]
        for j in range(left):
            out[j] = row[0]
        for j in range(width):
            out[left + j] = row[j]
        for j in range(left + width, target.shape[1]):
            out[j] = row[width - 1]


@compiled
def fold(extended, frames, top, left):  # type: ignore[no-untyped-def]
    """Give what is at the repeated pixels to those that they repeat, frame by frame: the adjoint of `extend`."""
    _, height, width = frames.shape
    for t in range(len(frames)):
        frames[t] = 0
        for i in range(extended.shape[1]):
            row = extended[t, i]
            out = frames[t, min(max(i - top, 0), height - 1)]
            for j in range(left):
                out[0] += row[j]
            for j in range(width):
                out[j] += row[left + j]
            for j in range(left + width, extended.shape[2]):
                out[width - 1] += row[j]


@compiled
def all_finite(values):  # type: ignore[no-untyped-def]
    """Whether all of a flat array, given as its bits in signed integers, are finite: no exponent is all ones."""
    exponent = values.dtype.type(0x7F800000) if values.itemsize == 4 else values.dtype.type(0x7FF0000000000000)
    for start in range(0, len(values), 4096):
        found = 0
        for value in values[start : start + 4096]:
            found += (value & exponent) == exponent
        if found:
            return False
    return True
