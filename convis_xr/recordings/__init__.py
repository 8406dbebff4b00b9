"""Recordings: files of them in and out, spikes on a grid, frames on a clock, trials as repeats. Imported lazily.

A recording is a DataTree with the nodes ``stimulus``, ``spikes``, ``cells``, ``trials`` and ``electrodes``, as far as a
file has them; times are s on one clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convis_xr.lazy import attach

if TYPE_CHECKING:
    from convis_xr.recordings.assembling import as_recording as as_recording
    from convis_xr.recordings.binning import bin_spikes as bin_spikes
    from convis_xr.recordings.forms import spike_table as spike_table
    from convis_xr.recordings.forms import stimulus_of as stimulus_of
    from convis_xr.recordings.frame_clock import on_clock as on_clock
    from convis_xr.recordings.joining import join as join
    from convis_xr.recordings.neo_objects import from_neo as from_neo
    from convis_xr.recordings.neo_objects import to_neo as to_neo
    from convis_xr.recordings.open import open_recording as open_recording
    from convis_xr.recordings.repeats import cut as cut
    from convis_xr.recordings.saving import save as save

_WHERE = {
    "as_recording": "assembling",
    "bin_spikes": "binning",
    "cut": "repeats",
    "from_neo": "neo_objects",
    "join": "joining",
    "on_clock": "frame_clock",
    "open_recording": "open",
    "save": "saving",
    "spike_table": "forms",
    "stimulus_of": "forms",
    "to_neo": "neo_objects",
}

__all__ = sorted(_WHERE)


__getattr__, __dir__ = attach(__name__, _WHERE)
