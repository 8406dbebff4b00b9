"""The retina's stages as the reference simulator VirtualRetina 2.2.3 computes them.

They share parameters, paths and outputs with the stages of the paper. What is other stands in
`convis_xr.kernels.virtualretina`; everything is computed in double precision, whatever the input's.
"""

from convis_xr.models.retina.virtualretina.bipolar import LateBipolar
from convis_xr.models.retina.virtualretina.ganglion import LateGanglion
from convis_xr.models.retina.virtualretina.low_pass import LeakyLowPass
from convis_xr.models.retina.virtualretina.opl import LateOPL
from convis_xr.models.retina.virtualretina.spikes import LateLIF

__all__ = ["LateBipolar", "LateGanglion", "LateLIF", "LateOPL", "LeakyLowPass"]
