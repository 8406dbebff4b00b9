"""Tuning of a model by drifting gratings: direction, spatial and temporal frequency, contrast, size."""

from __future__ import annotations

from typing import Any, Unpack

import xarray as xr

from convis_xr.analysis.tuning import indices
from convis_xr.analysis.tuning.protocol import Indices, fixed_values, tuned
from convis_xr.analysis.tuning.showing import Screen, Showing, values_of
from convis_xr.stimuli.plane import at_least

_DIRECTIONS = [f"{degrees} deg" for degrees in range(0, 360, 30)]


def direction_tuning(
    model: Any,
    directions: Any = None,
    *,
    spatial_frequency: Any,
    temporal_frequency: Any,
    size: Any,
    contrast: Any = 0.5,
    cycles: int = 4,
    settle: Any = "0.5 s",
    **showing: Unpack[Showing],
) -> xr.DataTree:
    """Responses to gratings that drift in several directions.

    Each condition is a run of its own, from rest: as if the grey had always been there. The model is not touched.

    Parameters
    ----------
    model : Layer
    directions : sequence of quantities [deg], optional
        Counter-clockwise from rightward, dividing the circle evenly; by default 12.
    spatial_frequency : quantity [cycle/deg]
        Of the gratings.
    temporal_frequency : quantity [Hz]
        Above 0.
    size : quantity, int or pair (y, x)
        Of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    contrast : float
        Michelson contrast.
    cycles : int
        How many are measured.
    settle : quantity or int
        Time that is shown before and left out; a bare int is samples.
    dt, pixel_size : quantity, optional
        Sampling; by default that of the model's last input, else that of `set_options`.
    mean : float or quantity, optional
        Mean luminance, 0.5 by default.
    units : str, optional
        Of the luminance: ``"1"`` by default.
    outputs, cells, region, repeats, seed, memory, device, dtype : optional
        As of `run`. Trials are averaged.

    Returns
    -------
    DataTree
        For each output a Dataset over ``direction`` [degree] and the dimensions of the output (time left out): ``F0``,
        the mean, and ``F1``, the amplitude at the frequency of the grating [unit of the output; Hz for spike counts],
        ``F1_phase`` [degree], ``rest``, the mean response to grey, ``linearity``, F1 over (F0 - rest) (Skottun et al.
        1991, Vision Res 31:1079). Of F1 also ``preferred_direction`` [degree], ``DSI``, ``OSI`` and ``bandwidth``
        [degree], see `preferred`, `direction_selectivity`, `orientation_selectivity`, `direction_bandwidth`, which do
        the same for any curve.

    Raises
    ------
    ContractError
        No model, no sampling, directions that are uneven, an output of exact times.
    UnitError
        A bare number where a quantity is wanted.

    Warns
    -----
    UserWarning
        A frequency is above the Nyquist limit of the sampling.

    Examples
    --------
    >>> import convis_xr as cx
    >>> with cx.set_options(dt="10 ms", pixel_size="0.1 deg"):
    ...     tree = cx.analysis.direction_tuning(
    ...         cx.filters.LowPass("20 ms"), spatial_frequency="1 cycle/deg", temporal_frequency="5 Hz", size=3
    ...     )
    >>> tree["response/F1"].sizes["direction"], bool(tree["response/DSI"].max() < 1e-6)
    (12, True)
    """
    screen = Screen.of(model, size, showing)
    values = values_of(_DIRECTIONS if directions is None else directions, "angle", "directions")
    fixed = fixed_values(spatial_frequency=spatial_frequency, temporal_frequency=temporal_frequency, contrast=contrast)
    found: Indices = {
        "preferred_direction": lambda curves: indices.preferred(curves.F1, "direction"),
        "DSI": lambda curves: indices.direction_selectivity(curves.F1),
        "OSI": lambda curves: indices.orientation_selectivity(curves.F1),
        "bandwidth": lambda curves: indices.direction_bandwidth(curves.F1),
    }
    return tuned(screen, "direction", "angle", values, fixed, found, cycles=cycles, settle=settle)


def spatial_frequency_tuning(
    model: Any,
    spatial_frequencies: Any,
    *,
    temporal_frequency: Any,
    size: Any,
    direction: Any = "0 deg",
    contrast: Any = 0.5,
    cycles: int = 4,
    settle: Any = "0.5 s",
    **showing: Unpack[Showing],
) -> xr.DataTree:
    """Responses to drifting gratings of several spatial frequencies.

    Parameters
    ----------
    model : Layer
    spatial_frequencies : sequence of quantities [cycle/deg]
        0 is a full field that flickers.
    temporal_frequency : quantity [Hz]
        Above 0.
    size : quantity, int or pair (y, x)
        Of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    direction : quantity [deg]
        Of the drift.
    contrast, cycles, settle, **showing
        As of `direction_tuning`.

    Returns
    -------
    DataTree
        For each output a Dataset over ``spatial_frequency`` [1/degree], as of `direction_tuning`; of F1 also
        ``preferred_spatial_frequency`` and ``bandwidth`` [octaves], NaN where a side does not fall to half.

    Raises
    ------
    ContractError, UnitError
        As `direction_tuning`.

    Examples
    --------
    >>> import convis_xr as cx
    >>> blur = cx.filters.Gaussian("0.1 deg")
    >>> with cx.set_options(dt="10 ms", pixel_size="0.05 deg"):
    ...     tree = cx.analysis.spatial_frequency_tuning(
    ...         blur, ["0 cycle/deg", "1 cycle/deg"], temporal_frequency="5 Hz", size="4 deg", cells=[(40, 40)]
    ...     )
    >>> curve = tree["response/F1"].squeeze("cell")
    >>> round(float(curve[1] / curve[0]), 4)  # exp(4 (cos(2 pi 0.05) - 1)): 4 is the variance in pixels
    0.8222
    """
    screen = Screen.of(model, size, showing)
    values = values_of(spatial_frequencies, "spatial_frequency", "spatial_frequencies")
    fixed = fixed_values(direction=direction, temporal_frequency=temporal_frequency, contrast=contrast)
    return tuned(screen, "spatial_frequency", "spatial_frequency", values, fixed, _of("spatial_frequency"),
                  cycles=cycles, settle=settle)  # fmt: skip


def temporal_frequency_tuning(
    model: Any,
    temporal_frequencies: Any,
    *,
    spatial_frequency: Any,
    size: Any,
    direction: Any = "0 deg",
    contrast: Any = 0.5,
    cycles: int = 4,
    settle: Any = "0.5 s",
    **showing: Unpack[Showing],
) -> xr.DataTree:
    """Responses to gratings that drift at several temporal frequencies.

    Parameters
    ----------
    model : Layer
    temporal_frequencies : sequence of quantities [Hz]
        Above 0.
    spatial_frequency : quantity [cycle/deg]
        0 is a full field that flickers.
    size : quantity, int or pair (y, x)
        Of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    direction : quantity [deg]
        Of the drift.
    contrast, cycles, settle, **showing
        As of `direction_tuning`.

    Returns
    -------
    DataTree
        For each output a Dataset over ``temporal_frequency`` [Hz], as of `direction_tuning`; of F1 also
        ``preferred_temporal_frequency`` and ``bandwidth`` [octaves], NaN where a side does not fall to half.

    Raises
    ------
    ContractError, UnitError
        As `direction_tuning`.

    Examples
    --------
    >>> import convis_xr as cx
    >>> with cx.set_options(dt="1 ms", pixel_size="0.1 deg"):
    ...     tree = cx.analysis.temporal_frequency_tuning(
    ...         cx.filters.LowPass("20 ms"), ["1 Hz", "8 Hz"], spatial_frequency="0 cycle/deg", size=1
    ...     )
    >>> curve = tree["response/F1"].squeeze(("y", "x"))
    >>> round(float(curve[1] / curve[0]), 2)  # sqrt((1 + (2 pi 0.02)^2) / (1 + (2 pi 8 0.02)^2))
    0.71
    """
    screen = Screen.of(model, size, showing)
    values = values_of(temporal_frequencies, "frequency", "temporal_frequencies")
    at_least(f"{values[0]} Hz", "frequency", "temporal_frequencies", above=True)
    fixed = fixed_values(direction=direction, spatial_frequency=spatial_frequency, contrast=contrast)
    return tuned(screen, "temporal_frequency", "frequency", values, fixed, _of("temporal_frequency"),
                  cycles=cycles, settle=settle)  # fmt: skip


def contrast_response(
    model: Any,
    contrasts: Any,
    *,
    spatial_frequency: Any,
    temporal_frequency: Any,
    size: Any,
    direction: Any = "0 deg",
    cycles: int = 4,
    settle: Any = "0.5 s",
    **showing: Unpack[Showing],
) -> xr.DataTree:
    """Responses to drifting gratings of several contrasts.

    Parameters
    ----------
    model : Layer
    contrasts : sequence of float
        Michelson contrasts.
    spatial_frequency : quantity [cycle/deg]
        0 is a full field that flickers.
    temporal_frequency : quantity [Hz]
        Above 0.
    size : quantity, int or pair (y, x)
        Of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    direction : quantity [deg]
        Of the drift.
    cycles, settle, **showing
        As of `direction_tuning`.

    Returns
    -------
    DataTree
        For each output a Dataset over ``contrast`` [1], as of `direction_tuning`; of F1 also ``c50``, the contrast at
        which it is half of its maximum, by straight lines between the contrasts shown: NaN if below the lowest.

    Raises
    ------
    ContractError, UnitError
        As `direction_tuning`.

    Examples
    --------
    >>> import convis_xr as cx
    >>> with cx.set_options(dt="10 ms", pixel_size="0.1 deg"):
    ...     tree = cx.analysis.contrast_response(
    ...         cx.filters.LowPass("20 ms"), [0.1, 0.4, 0.8], spatial_frequency="1 cycle/deg",
    ...         temporal_frequency="5 Hz", size=1,
    ...     )
    >>> tree["response/c50"].values.round(3)  # linear
    array([[0.4]])
    """
    screen = Screen.of(model, size, showing)
    values = values_of(contrasts, "dimensionless", "contrasts")
    fixed = fixed_values(
        direction=direction, spatial_frequency=spatial_frequency, temporal_frequency=temporal_frequency
    )
    found: Indices = {
        "c50": lambda curves: indices.half_width(curves.F1, "contrast").low.assign_attrs(
            units="1", long_name="contrast of half the greatest response"
        )
    }
    return tuned(screen, "contrast", "dimensionless", values, fixed, found, cycles=cycles, settle=settle)


def size_tuning(
    model: Any,
    diameters: Any,
    *,
    spatial_frequency: Any,
    temporal_frequency: Any,
    size: Any,
    centre: Any = ("0 deg", "0 deg"),
    direction: Any = "0 deg",
    contrast: Any = 0.5,
    cycles: int = 4,
    settle: Any = "0.5 s",
    **showing: Unpack[Showing],
) -> xr.DataTree:
    """Responses to drifting gratings in discs of several sizes, on grey.

    Parameters
    ----------
    model : Layer
    diameters : sequence of quantities [deg]
        Of the discs, above 0.
    spatial_frequency : quantity [cycle/deg]
        0 is a disc that flickers.
    temporal_frequency : quantity [Hz]
        Above 0.
    size : quantity, int or pair (y, x)
        Of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    centre : pair (y, x) of quantities [deg]
        Of the discs; y upward, 0 in the middle of the frame. The cell that is meant should lie there.
    direction : quantity [deg]
        Of the drift.
    contrast, cycles, settle, **showing
        As of `direction_tuning`.

    Returns
    -------
    DataTree
        For each output a Dataset over ``diameter`` [degree], as of `direction_tuning`; of F1 also
        ``preferred_diameter`` [degree] and ``suppression``, what the largest disc takes off the best response, as a
        part of this.

    Raises
    ------
    ContractError, UnitError
        As `direction_tuning`.

    Examples
    --------
    >>> import convis_xr as cx
    >>> with cx.set_options(dt="10 ms", pixel_size="0.1 deg"):
    ...     tree = cx.analysis.size_tuning(
    ...         cx.filters.Gaussian("0.2 deg"), ["0.5 deg", "2 deg"], spatial_frequency="0 cycle/deg",
    ...         temporal_frequency="5 Hz", size=21, cells=[(10, 10)],
    ...     )
    >>> tree["response/preferred_diameter"].item(), tree["response/suppression"].item()
    (2.0, 0.0)
    """
    screen = Screen.of(model, size, showing)
    values = values_of(diameters, "angle", "diameters")
    at_least(f"{values[0]} deg", "angle", "diameters", above=True)
    fixed = fixed_values(
        direction=direction, spatial_frequency=spatial_frequency, temporal_frequency=temporal_frequency,
        contrast=contrast, centre=centre,
    )  # fmt: skip
    found: Indices = {
        "preferred_diameter": lambda curves: indices.preferred(curves.F1, "diameter"),
        "suppression": lambda curves: _suppression(curves.F1),
    }
    return tuned(screen, "diameter", "angle", values, fixed, found, cycles=cycles, settle=settle)


def _of(name: str) -> Indices:
    return {
        f"preferred_{name}": lambda curves: indices.preferred(curves.F1, name),
        "bandwidth": lambda curves: indices.half_width(curves.F1, name).octaves,
    }


def _suppression(curve: xr.DataArray) -> xr.DataArray:
    most = curve.max("diameter")
    part = 1 - curve.isel(diameter=-1, drop=True) / most.where(most > 0)
    return part.assign_attrs(units="1", long_name="suppression by the largest disc")
