"""The retina and its stages."""

from convis_xr.models.retina.bipolar import Bipolar
from convis_xr.models.retina.cells import CircularArray, LogPolar, SquareArray
from convis_xr.models.retina.config import (
    BipolarConfig,
    GanglionConfig,
    MicrosaccadesConfig,
    OPLConfig,
    RetinaConfig,
    SpikesConfig,
)
from convis_xr.models.retina.ganglion import Ganglion
from convis_xr.models.retina.opl import OPL
from convis_xr.models.retina.retina import Retina

__all__ = [
    "OPL",
    "Bipolar",
    "BipolarConfig",
    "CircularArray",
    "Ganglion",
    "GanglionConfig",
    "LogPolar",
    "MicrosaccadesConfig",
    "OPLConfig",
    "Retina",
    "RetinaConfig",
    "SpikesConfig",
    "SquareArray",
]
