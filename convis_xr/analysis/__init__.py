"""What was found in responses. Imported lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convis_xr.lazy import attach

if TYPE_CHECKING:
    from convis_xr.analysis.impulses import impulse_response as impulse_response
    from convis_xr.analysis.merging import merge as merge
    from convis_xr.analysis.moments import moments as moments
    from convis_xr.analysis.separable import separability as separability
    from convis_xr.analysis.significance import sta_significance as sta_significance
    from convis_xr.analysis.spike_times import spike_tables as spike_tables
    from convis_xr.analysis.spike_times import spike_times as spike_times
    from convis_xr.analysis.spike_triggered import sta as sta
    from convis_xr.analysis.spike_triggered import stc as stc

_WHERE = {
    "impulse_response": "impulses",
    "merge": "merging",
    "moments": "moments",
    "separability": "separable",
    "spike_tables": "spike_times",
    "spike_times": "spike_times",
    "sta": "spike_triggered",
    "sta_significance": "significance",
    "stc": "spike_triggered",
}

__all__ = sorted(_WHERE)


__getattr__, __dir__ = attach(__name__, _WHERE)
