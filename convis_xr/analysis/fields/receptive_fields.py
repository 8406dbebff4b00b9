"""`receptive_field`: every estimator of receptive fields by one call."""

from __future__ import annotations

from inspect import signature
from typing import Any

import xarray as xr

from convis_xr import analysis
from convis_xr.errors import ParameterError, explain

#: what each method is called among the estimators from moments
ESTIMATORS = {
    "whitened": "whitened_sta",
    "ridge": "ridge",
    "smooth": "smooth",
    "splines": "spline_fit",
    "asd": "asd",
    "ald": "ald",
    "ard": "ard",
}


def receptive_field(
    stimulus: xr.DataArray, response: xr.DataArray, window: Any, method: str = "sta", **options: Any
) -> xr.DataArray:
    """Receptive fields of all cells, from one pass over the recording.

    Parameters
    ----------
    stimulus : DataArray (time, y, x) [any unit]
        Keeps to `convis_xr.contract`; may be lazy.
    response : DataArray (time, cell), or (repeat, time, cell) [any unit]
        On time labels that are a stretch of the stimulus'; NaN where nothing was recorded. For ``"sta"`` counts, or
        weights of 0 or more.
    window : int or quantity
        Length of the window before (and with) a step of the response: an int counts steps.
    method : str
        ``"sta"`` `sta`, right for white noise; ``"whitened"`` `whitened_sta`; ``"ridge"`` `ridge`; ``"smooth"``
        `smooth`; ``"splines"`` `spline_fit`; ``"asd"`` `asd`; ``"ald"`` `ald`; ``"ard"`` `ard`. All but the first
        need memory for the square of the window.
    **options
        Of the estimator.

    Returns
    -------
    DataArray (cell, time, y, x)
        ``time`` is the lag [s], 0 first: can be assigned to the weight of `convis_xr.filters.RF`. In the unit of the
        stimulus for ``"sta"``, else in that of the response per unit of the stimulus. Along ``cell`` it has the
        coordinates of the response and what the estimator tells.

    Raises
    ------
    ContractError
        Stimulus and response do not fit; the window is too large.
    ParameterError
        No such method, or one without such an option.

    Examples
    --------
    >>> import convis_xr as cx
    >>> flicker = cx.stimuli.white_noise("20 s", 4, dt="10 ms", pixel_size="0.1 deg", seed=1)
    >>> late = flicker[:, 1, 2].shift(time=3, fill_value=0).drop_vars(["y", "x"]).expand_dims("cell", 1)
    >>> field = receptive_field(flicker, late.assign_attrs(units="Hz"), "60 ms", method="ridge")
    >>> field.sizes["cell"], int(abs(field[0, :, 1, 2]).argmax("time"))
    (1, 3)
    """
    if method != "sta" and method not in ESTIMATORS:
        names = ", ".join(f'"{name}"' for name in ("sta", *ESTIMATORS))
        cure = 'method="ridge"'
        raise ParameterError(explain("method", wanted=f"one of {names}", got=repr(method), cure=cure))
    estimator = None if method == "sta" else getattr(analysis, ESTIMATORS[method])
    known = list(signature(estimator).parameters)[1:] if estimator is not None else []
    strange = [name for name in options if name not in known]
    if strange:
        cure = f"receptive_field(..., method={method!r}, {known[0]}=...)" if known else f"no option for {method!r}"
        wanted = f"options of {method!r}: {', '.join(known) or 'none'}"
        raise ParameterError(explain("options", wanted=wanted, got=", ".join(strange), cure=cure))
    if estimator is None:
        return analysis.sta(stimulus, response, window)
    return estimator(analysis.moments(stimulus, response, window, auto=True), **options)
