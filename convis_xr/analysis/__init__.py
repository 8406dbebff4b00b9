"""What was found in responses. Imported lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convis_xr.lazy import attach

if TYPE_CHECKING:
    from convis_xr.analysis.impulses import impulse_response as impulse_response
    from convis_xr.analysis.least_squares import ridge as ridge
    from convis_xr.analysis.least_squares import whitened_sta as whitened_sta
    from convis_xr.analysis.spike_times import spike_tables as spike_tables
    from convis_xr.analysis.spike_times import spike_times as spike_times
    from convis_xr.analysis.spike_triggered import sta as sta
    from convis_xr.analysis.spike_triggered import stc as stc

_WHERE = {
    "impulse_response": "impulses",
    "ridge": "least_squares",
    "spike_tables": "spike_times",
    "spike_times": "spike_times",
    "sta": "spike_triggered",
    "stc": "spike_triggered",
    "whitened_sta": "least_squares",
}

__all__ = sorted(_WHERE)


__getattr__, __dir__ = attach(__name__, _WHERE)
