"""Models: layers made of layers."""

from convis_xr.models.cascade import LNCascade
from convis_xr.models.containers import Dict, List, Parallel, Sequential
from convis_xr.models.feedback import Feedback
from convis_xr.models.glm import GLM
from convis_xr.models.linear import L
from convis_xr.models.ln import LN
from convis_xr.models.lnfdlnf import LNFDLNF, LNFDSNF
from convis_xr.models.lnln import LNLN, LNLNLN, LNLNLNLN
from convis_xr.models.make import make_parallel_sequential_model, make_sequential_parallel_model
from convis_xr.models.mcintosh import McIntosh
from convis_xr.models.pick import Pick
from convis_xr.models.retina import Retina, RetinaConfig
from convis_xr.models.rfn import RFN

__all__ = [
    "GLM",
    "LN",
    "LNFDLNF",
    "LNFDSNF",
    "LNLN",
    "LNLNLN",
    "LNLNLNLN",
    "RFN",
    "Dict",
    "Feedback",
    "L",
    "LNCascade",
    "List",
    "McIntosh",
    "Parallel",
    "Pick",
    "Retina",
    "RetinaConfig",
    "Sequential",
    "make_parallel_sequential_model",
    "make_sequential_parallel_model",
]
