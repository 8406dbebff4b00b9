"""What was found in recordings and responses, how well models tell them, how models are tuned. Imported lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convis_xr.lazy import attach

if TYPE_CHECKING:
    from convis_xr.analysis.fields.covariance_axes import stc_axes as stc_axes
    from convis_xr.analysis.fields.gaussian_fits import fit_dog as fit_dog
    from convis_xr.analysis.fields.gaussian_fits import fit_gaussian as fit_gaussian
    from convis_xr.analysis.fields.least_squares import ridge as ridge
    from convis_xr.analysis.fields.least_squares import whitened_sta as whitened_sta
    from convis_xr.analysis.fields.local_prior import ald as ald
    from convis_xr.analysis.fields.nonlinearities import nonlinearity as nonlinearity
    from convis_xr.analysis.fields.receptive_fields import receptive_field as receptive_field
    from convis_xr.analysis.fields.smooth_prior import asd as asd
    from convis_xr.analysis.fields.smoothing import smooth as smooth
    from convis_xr.analysis.fields.sparse_prior import ard as ard
    from convis_xr.analysis.fields.splines import spline_fit as spline_fit
    from convis_xr.analysis.impulses import impulse_response as impulse_response
    from convis_xr.analysis.one_pass.merging import merge as merge
    from convis_xr.analysis.one_pass.separable import separability as separability
    from convis_xr.analysis.one_pass.significance import sta_significance as sta_significance
    from convis_xr.analysis.one_pass.single_pass import moments as moments
    from convis_xr.analysis.one_pass.spike_triggered import sta as sta
    from convis_xr.analysis.one_pass.spike_triggered import stc as stc
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
    "ald": "fields.local_prior",
    "ard": "fields.sparse_prior",
    "asd": "fields.smooth_prior",
    "bits_per_spike": "scores.likelihood",
    "bootstrap": "scores.bootstrap",
    "cc_max": "scores.cc_norm",
    "cc_norm": "scores.cc_norm",
    "chirp_response": "tuning.courses",
    "contrast_response": "tuning.gratings",
    "correlation": "scores.correlation",
    "direction_bandwidth": "tuning.indices",
    "direction_selectivity": "tuning.indices",
    "direction_tuning": "tuning.gratings",
    "explainable_variance": "scores.explainable_variance",
    "explained_variance": "scores.explained_variance",
    "fano_factor": "scores.fano_factor",
    "feve": "scores.feve",
    "fit_dog": "fields.gaussian_fits",
    "fit_gaussian": "fields.gaussian_fits",
    "flash_response": "tuning.courses",
    "half_width": "tuning.indices",
    "impulse_response": "impulses",
    "log_likelihood_ratio": "scores.likelihood",
    "merge": "one_pass.merging",
    "moments": "one_pass.single_pass",
    "noise_variance": "scores.explainable_variance",
    "nonlinearity": "fields.nonlinearities",
    "oracle": "scores.oracle",
    "orientation_selectivity": "tuning.indices",
    "preferred": "tuning.indices",
    "psth": "scores.psth",
    "receptive_field": "fields.receptive_fields",
    "ridge": "fields.least_squares",
    "separability": "one_pass.separable",
    "size_tuning": "tuning.gratings",
    "smooth": "fields.smoothing",
    "spatial_frequency_tuning": "tuning.gratings",
    "spike_tables": "spike_events",
    "spike_times": "spike_events",
    "spline_fit": "fields.splines",
    "sta": "one_pass.spike_triggered",
    "sta_significance": "one_pass.significance",
    "stc": "one_pass.spike_triggered",
    "stc_axes": "fields.covariance_axes",
    "temporal_frequency_tuning": "tuning.gratings",
    "van_rossum_distance": "scores.spike_distances",
    "victor_purpura_distance": "scores.spike_distances",
    "whitened_sta": "fields.least_squares",
}

__all__ = sorted(_WHERE)


__getattr__, __dir__ = attach(__name__, _WHERE)
