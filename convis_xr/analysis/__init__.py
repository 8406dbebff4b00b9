"""What was found in responses. Imported lazily."""

from __future__ import annotations

from convis_xr.analysis.spike_times import spike_tables, spike_times

__all__ = ["spike_tables", "spike_times"]
