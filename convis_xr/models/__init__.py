"""Models: layers made of layers."""

from convis_xr.models.ln import LN
from convis_xr.models.retina import Retina, RetinaConfig

__all__ = ["LN", "Retina", "RetinaConfig"]
