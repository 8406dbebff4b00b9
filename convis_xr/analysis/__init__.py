"""What was found in responses. Imported lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convis_xr.lazy import attach

if TYPE_CHECKING:
    from convis_xr.analysis.impulses import impulse_response as impulse_response
    from convis_xr.analysis.scores.bootstrap import bootstrap as bootstrap
    from convis_xr.analysis.scores.cc_norm import cc_max as cc_max
    from convis_xr.analysis.scores.cc_norm import cc_norm as cc_norm
    from convis_xr.analysis.scores.correlation import correlation as correlation
    from convis_xr.analysis.scores.explainable_variance import explainable_variance as explainable_variance
    from convis_xr.analysis.scores.explainable_variance import noise_variance as noise_variance
    from convis_xr.analysis.scores.explained_variance import explained_variance as explained_variance
    from convis_xr.analysis.scores.fano_factor import fano_factor as fano_factor
    from convis_xr.analysis.scores.feve import feve as feve
    from convis_xr.analysis.scores.likelihood import bits_per_spike as bits_per_spike
    from convis_xr.analysis.scores.likelihood import log_likelihood_ratio as log_likelihood_ratio
    from convis_xr.analysis.scores.oracle import oracle as oracle
    from convis_xr.analysis.scores.psth import psth as psth
    from convis_xr.analysis.scores.spike_distances import van_rossum_distance as van_rossum_distance
    from convis_xr.analysis.scores.spike_distances import victor_purpura_distance as victor_purpura_distance
    from convis_xr.analysis.spike_events import spike_tables as spike_tables
    from convis_xr.analysis.spike_events import spike_times as spike_times
    from convis_xr.analysis.spike_triggered import sta as sta
    from convis_xr.analysis.spike_triggered import stc as stc
    from convis_xr.analysis.tuning.courses import chirp_response as chirp_response
    from convis_xr.analysis.tuning.courses import flash_response as flash_response
    from convis_xr.analysis.tuning.gratings import contrast_response as contrast_response
    from convis_xr.analysis.tuning.gratings import direction_tuning as direction_tuning
    from convis_xr.analysis.tuning.gratings import size_tuning as size_tuning
    from convis_xr.analysis.tuning.gratings import spatial_frequency_tuning as spatial_frequency_tuning
    from convis_xr.analysis.tuning.gratings import temporal_frequency_tuning as temporal_frequency_tuning
    from convis_xr.analysis.tuning.indices import direction_bandwidth as direction_bandwidth
    from convis_xr.analysis.tuning.indices import direction_selectivity as direction_selectivity
    from convis_xr.analysis.tuning.indices import half_width as half_width
    from convis_xr.analysis.tuning.indices import orientation_selectivity as orientation_selectivity
    from convis_xr.analysis.tuning.indices import preferred as preferred

_WHERE = {
    "impulse_response": "impulses",
    "bits_per_spike": "scores.likelihood",
    "bootstrap": "scores.bootstrap",
    "cc_max": "scores.cc_norm",
    "cc_norm": "scores.cc_norm",
    "correlation": "scores.correlation",
    "explainable_variance": "scores.explainable_variance",
    "explained_variance": "scores.explained_variance",
    "fano_factor": "scores.fano_factor",
    "feve": "scores.feve",
    "log_likelihood_ratio": "scores.likelihood",
    "noise_variance": "scores.explainable_variance",
    "oracle": "scores.oracle",
    "psth": "scores.psth",
    "van_rossum_distance": "scores.spike_distances",
    "victor_purpura_distance": "scores.spike_distances",
    "spike_tables": "spike_events",
    "spike_times": "spike_events",
    "sta": "spike_triggered",
    "stc": "spike_triggered",
    "chirp_response": "tuning.courses",
    "contrast_response": "tuning.gratings",
    "direction_bandwidth": "tuning.indices",
    "direction_selectivity": "tuning.indices",
    "direction_tuning": "tuning.gratings",
    "flash_response": "tuning.courses",
    "half_width": "tuning.indices",
    "orientation_selectivity": "tuning.indices",
    "preferred": "tuning.indices",
    "size_tuning": "tuning.gratings",
    "spatial_frequency_tuning": "tuning.gratings",
    "temporal_frequency_tuning": "tuning.gratings",
}

__all__ = sorted(_WHERE)


__getattr__, __dir__ = attach(__name__, _WHERE)
