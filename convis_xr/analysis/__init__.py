"""What was found in responses. Imported lazily."""

from __future__ import annotations

from convis_xr.analysis.spike_times import spike_tables, spike_times
from convis_xr.analysis.spike_triggered import sta, stc

__all__ = ["spike_tables", "spike_times", "sta", "stc"]
