"""From the levels in a picture file to the values of a stimulus: luminance or channels, encoded or linear.

The levels of ordinary films and pictures are gamma-encoded. Without ``gamma`` the Rec. 709 weights are applied to
these encoded levels, as video itself does (the result, "luma", stays a grey level of a monitor, uint8); with
``gamma`` the channels are made linear in light first, and their weighted sum is relative luminance in 0..1 (float32).

Source: ITU-R BT.709-6 (weights), IEC 61966-2-1 (sRGB).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from convis_xr.errors import ContractError, explain

#: weights of r, g, b in the luminance, ITU-R BT.709
REC709 = np.array([0.2126, 0.7152, 0.0722], np.float32)
Gamma = float | Literal["srgb"] | None


@dataclass(frozen=True)
class Colour:
    """What is made of the channels of a picture.

    Parameters
    ----------
    luminance : {"rec709", "channels"}
        One grey picture, or r, g, b kept.
    gamma : float, "srgb" or None
        Makes the levels linear in light first.

    Examples
    --------
    >>> Colour().convert(np.full((1, 2, 3), 255, np.uint8))
    array([[255, 255]], dtype=uint8)
    """

    luminance: str = "rec709"
    gamma: Gamma = None

    def __post_init__(self) -> None:
        if self.luminance not in ("rec709", "channels"):
            known = '"rec709" or "channels"'
            raise ContractError(explain("luminance", wanted=known, got=repr(self.luminance), cure='luminance="rec709"'))
        check_gamma(self.gamma)

    def shape(self, height: int, width: int) -> tuple[int, ...]:
        """Shape of a converted frame."""
        return (height, width) if self.luminance == "rec709" else (3, height, width)

    def dtype(self, source: np.dtype[Any]) -> np.dtype[Any]:
        """Type of a converted frame."""
        return source if self.gamma is None else np.dtype(np.float32)

    def limits(self, source: np.dtype[Any]) -> tuple[float, float] | None:
        """Range of the converted values; None where the source does not tell."""
        if source.kind != "u":
            return None
        return (0.0, float(np.iinfo(source).max)) if self.gamma is None else (0.0, 1.0)

    def convert(self, picture: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """A picture (y, x) or (y, x, 3) as a frame (y, x) or (3, y, x)."""
        source = picture.dtype
        if self.gamma is not None:
            picture = light_table(source, self.gamma)[picture]
        if self.luminance == "channels":
            planes = picture if picture.ndim == 3 else picture[..., None].repeat(3, axis=2)
            return planes.transpose(2, 0, 1)
        if picture.ndim == 2:
            return picture
        grey = picture.astype(np.float32) @ REC709
        return grey if self.gamma is not None else (grey + np.float32(0.5)).astype(source)


def decode(fraction: np.ndarray[Any, Any], gamma: float | Literal["srgb"]) -> np.ndarray[Any, Any]:
    """Relative light (0..1) of an encoded level (0..1).

    Examples
    --------
    >>> decode(np.array([0.0, 0.5, 1.0]), 2.0)
    array([0.  , 0.25, 1.  ])
    """
    if gamma == "srgb":
        return np.where(fraction <= 0.04045, fraction / 12.92, ((fraction + 0.055) / 1.055) ** 2.4)
    return fraction**gamma


def light_table(source: np.dtype[Any], gamma: float | Literal["srgb"]) -> np.ndarray[Any, Any]:
    """Relative light of each level of an unsigned type, float32."""
    if source.kind != "u" or source.itemsize > 2:
        cure = "read without gamma, then convis_xr.io.to_luminance(...)"
        raise ContractError(explain("gamma", wanted="8 or 16 bit levels", got=str(source), cure=cure))
    top = np.iinfo(source).max
    return decode(np.arange(top + 1) / top, gamma).astype(np.float32)


def check_gamma(gamma: Any) -> None:
    """Refuse what is no gamma."""
    if gamma is None or gamma == "srgb":
        return
    if isinstance(gamma, bool) or not isinstance(gamma, int | float) or not 0 < gamma < float("inf"):
        wanted = 'a number above zero, "srgb" or None'
        raise ContractError(explain("gamma", wanted=wanted, got=repr(gamma), cure="gamma=2.2"))
