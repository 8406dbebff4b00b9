"""What the axes of one frame of a stream mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from convis_xr import dims
from convis_xr.errors import ContractError, explain

#: by their number
FRAME_AXES: dict[int, tuple[str, ...]] = {
    0: (),
    2: dims.SPACE,
    3: (dims.CHANNEL, *dims.SPACE),
    4: (dims.BATCH, dims.CHANNEL, *dims.SPACE),
}


def axes_of(frame: np.ndarray[Any, Any]) -> tuple[str, ...]:
    """The dimensions of a frame.

    Raises
    ------
    ContractError
        There are none for that number of axes.

    Examples
    --------
    >>> axes_of(np.zeros((3, 4, 5)))
    ('channel', 'y', 'x')
    """
    if frame.ndim not in FRAME_AXES:
        wanted = "frames that are numbers or (y, x), (channel, y, x), (batch, channel, y, x)"
        raise ContractError(explain("frames", wanted=wanted, got=f"shape {frame.shape}", cure="one frame at a time"))
    return FRAME_AXES[frame.ndim]
