"""What was found in responses. Imported lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convis_xr.lazy import attach

if TYPE_CHECKING:
    from convis_xr.analysis.covariance_axes import stc_axes as stc_axes
    from convis_xr.analysis.gaussian_fits import fit_dog as fit_dog
    from convis_xr.analysis.gaussian_fits import fit_gaussian as fit_gaussian
    from convis_xr.analysis.impulses import impulse_response as impulse_response
    from convis_xr.analysis.least_squares import ridge as ridge
    from convis_xr.analysis.least_squares import whitened_sta as whitened_sta
    from convis_xr.analysis.local_prior import ald as ald
    from convis_xr.analysis.merging import merge as merge
    from convis_xr.analysis.moments import moments as moments
    from convis_xr.analysis.nonlinearities import nonlinearity as nonlinearity
    from convis_xr.analysis.receptive_fields import receptive_field as receptive_field
    from convis_xr.analysis.separable import separability as separability
    from convis_xr.analysis.significance import sta_significance as sta_significance
    from convis_xr.analysis.smooth_prior import asd as asd
    from convis_xr.analysis.smoothing import smooth as smooth
    from convis_xr.analysis.sparse_prior import ard as ard
    from convis_xr.analysis.spike_times import spike_tables as spike_tables
    from convis_xr.analysis.spike_times import spike_times as spike_times
    from convis_xr.analysis.spike_triggered import sta as sta
    from convis_xr.analysis.spike_triggered import stc as stc
    from convis_xr.analysis.splines import spline_fit as spline_fit

_WHERE = {
    "ald": "local_prior",
    "ard": "sparse_prior",
    "asd": "smooth_prior",
    "fit_dog": "gaussian_fits",
    "fit_gaussian": "gaussian_fits",
    "impulse_response": "impulses",
    "merge": "merging",
    "moments": "moments",
    "nonlinearity": "nonlinearities",
    "receptive_field": "receptive_fields",
    "ridge": "least_squares",
    "separability": "separable",
    "smooth": "smoothing",
    "spike_tables": "spike_times",
    "spike_times": "spike_times",
    "spline_fit": "splines",
    "sta": "spike_triggered",
    "sta_significance": "significance",
    "stc": "spike_triggered",
    "stc_axes": "covariance_axes",
    "whitened_sta": "least_squares",
}

__all__ = sorted(_WHERE)


__getattr__, __dir__ = attach(__name__, _WHERE)
