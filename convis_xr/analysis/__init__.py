"""What was found in responses. Imported lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convis_xr.lazy import attach

if TYPE_CHECKING:
    from convis_xr.analysis.impulses import impulse_response as impulse_response
    from convis_xr.analysis.spike_times import spike_tables as spike_tables
    from convis_xr.analysis.spike_times import spike_times as spike_times

_WHERE = {"impulse_response": "impulses", "spike_tables": "spike_times", "spike_times": "spike_times"}

__all__ = ["impulse_response", "spike_tables", "spike_times"]


__getattr__, __dir__ = attach(__name__, _WHERE)
