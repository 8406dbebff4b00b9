"""`Refused`: values that a kernel cannot compute with, told apart from shapes that do not fit."""

from __future__ import annotations

import torch
from torch import Tensor


class Refused(ValueError):
    """The values of an input, not its form, are outside of what an operation is defined for."""


def refuse_unless(fits: Tensor, x: Tensor, name: str, wanted: str, cure: str) -> None:
    """Raise `Refused` if a value does not fit, and say which is the first.

    Parameters
    ----------
    fits : Tensor of bool, as x
        Where the values can be computed with.
    x : Tensor (batch, channel, time, y, x)
        The values.
    name, wanted, cure : str
        For the message.

    Raises
    ------
    Refused
        If ``fits`` is not true everywhere.

    Examples
    --------
    >>> x = torch.tensor([1.0, -2.0]).view(1, 1, 2, 1, 1)
    >>> refuse_unless(x >= 0, x, "poisson: rate", "0 Hz or more", "clip it at 0")
    Traceback (most recent call last):
    convis_xr.kernels.refused.Refused: poisson: rate: wanted 0 Hz or more, got -2 at (batch, channel, time, y, x) =
    (0, 0, 1, 0, 0). Cure: clip it at 0.
    """
    if bool(fits.all()):
        return
    first = (~fits).flatten().nonzero()[0]
    where = tuple(int(i) for i in torch.unravel_index(first[0], x.shape))
    got = f"{float(x[where]):g} at (batch, channel, time, y, x) = {where}"
    raise Refused(f"{name}: wanted {wanted}, got {got}. Cure: {cure}.")
