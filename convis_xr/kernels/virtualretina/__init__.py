"""What VirtualRetina 2.2.3 computes otherwise than the paper: a convention to reproduce it, stage by stage.

Every link between two of its objects reads the other's value of one step before (`late`); its blur is Deriche's kernel
(`kernels.deriche`); its low-passes may blur what they hold at every step; its static nonlinearities have a soft
ceiling. `whole.stages` is the definition of all of it.
"""

from __future__ import annotations

from .current import ceiled_current
from .gain_control import late_gain_control
from .heat import leaky_low_pass, leaky_rest
from .high_pass import late_high_pass
from .late import late

__all__ = [
    "ceiled_current",
    "late",
    "late_gain_control",
    "late_high_pass",
    "leaky_low_pass",
    "leaky_rest",
]
