"""Responses over time to a flash and to the chirp of retina laboratories."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.analysis.tuning.showing import Screen, Showing
from convis_xr.engine import run
from convis_xr.errors import ContractError, explain
from convis_xr.event_table import is_event_table
from convis_xr.stimuli import chirp, pulse

_PARTS = ("off", "on", "off_again", "grey", "frequency_sweep", "grey", "contrast_sweep", "grey", "off_last")


def flash_response(
    model: Any,
    length: Any = "0.5 s",
    *,
    size: Any,
    contrast: Any = 1.0,
    before: Any = "0.2 s",
    after: Any = "0.5 s",
    radius: Any = None,
    centre: Any = ("0 deg", "0 deg"),
    **showing: Unpack[Showing],
) -> xr.DataTree:
    """The response to a flash of the full field or of a disc, on grey, from rest.

    Parameters
    ----------
    model : Layer
    length : quantity or int
        Of the flash; a bare int is samples.
    size : quantity, int or pair (y, x)
        Of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    contrast : float
        ``(value - mean) / mean``; -1 is black.
    before, after : quantity or int
        Grey time before and after the flash.
    radius : quantity [deg], optional
        Of a disc; by default the full field flashes.
    centre : pair (y, x) of quantities [deg]
        Of the disc.
    **showing
        As of `direction_tuning`.

    Returns
    -------
    DataTree
        For each output a Dataset: ``response`` (time, ...) [unit of the output; Hz for spike counts], the mean of
        trials, ``time`` [s] counted from the begin of the flash; ``baseline``, its mean before; ``on`` and ``off``, how
        far it then rises at most above this while the flash lasts and after it; ``on_off_index`` [1], (on - off) / (on
        + off); ``latency`` [s], when it is highest during the flash (the start of that step); ``sustained`` [1], what
        is left of ``on`` at the end of the flash (mean of the last tenth). NaN where there is nothing to divide by.

    Raises
    ------
    ContractError
        No model, no sampling, no step before, during or after the flash, an output of exact times.
    UnitError
        A bare number where a quantity is wanted.

    Examples
    --------
    >>> import convis_xr as cx
    >>> with cx.set_options(dt="1 ms", pixel_size="0.1 deg"):
    ...     tree = cx.analysis.flash_response(cx.filters.LowPass("20 ms"), size=1)
    >>> tree["response/on"].values.round(3), tree["response/sustained"].values.round(3)
    (array([[0.5]], dtype=float32), array([[1.]], dtype=float32))
    """
    screen = Screen.of(model, size, showing)
    parts = {"before": before, "length": length, "after": after}
    quiet, lit, rest = (screen.steps(value, name) for name, value in parts.items())
    for name, steps in zip(parts, (quiet, lit, rest), strict=True):
        if not steps:
            cure = f'{name}="0.2 s"'
            raise ContractError(explain(name, wanted="a time step at least", got=str(parts[name]), cure=cure))
    lengths: dict[str, Any] = {"duration": quiet + lit + rest, "onset": quiet, "length": lit}
    film = pulse(size=size, contrast=contrast, radius=radius, centre=centre, **lengths, **screen.grid)
    curves = _courses(screen, film, -quiet)
    made = xr.DataTree.from_dict({name: _flashed(curve, quiet, lit) for name, curve in curves.items()})
    made.attrs = {"protocol": "flash", "length": f"{lit * screen.dt:g} s", "contrast": float(contrast)}
    return made


def chirp_response(
    model: Any, *, size: Any, contrast: Any = 1.0, parts: dict[str, Any] | None = None, **showing: Unpack[Showing]
) -> xr.DataTree:
    """The response to the full-field chirp (Baden et al. 2016, Nature 529:345), from rest.

    Parameters
    ----------
    model : Layer
    size : quantity, int or pair (y, x)
        Of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    contrast : float
        Of the steps and the sweeps.
    parts : dict, optional
        Lengths and frequencies other than those of `stimuli.chirp`.
    **showing
        As of `direction_tuning`. The response of all pixels over 32 s may be large: ask for ``cells``.

    Returns
    -------
    DataTree
        For each output a Dataset: ``response`` (time, ...) [unit of the output; Hz for spike counts], the mean of
        trials; ``stimulus`` (time) [unit of the luminance]; the coordinate ``part`` (time) says which part of the chirp
        is shown: ``off``, ``on``, ``off_again``, ``grey``, ``frequency_sweep``, ``contrast_sweep``, ``off_last``.

    Raises
    ------
    ContractError, UnitError
        As `flash_response`.

    Examples
    --------
    >>> import convis_xr as cx
    >>> with cx.set_options(dt="10 ms", pixel_size="0.1 deg"):
    ...     tree = cx.analysis.chirp_response(cx.filters.LowPass("20 ms"), size=1)
    >>> response = tree["response/response"].squeeze(("y", "x"))
    >>> float(response[response.part == "on"][-1].round(3)), response.sizes["time"]
    (1.0, 3200)
    """
    screen = Screen.of(model, size, showing)
    film = chirp(size, contrast=contrast, **(parts or {}), **screen.grid)
    lengths = [screen.steps(film.attrs[name], name) for name in _PARTS]
    told = xr.Variable(dims.TIME, np.repeat(_PARTS, lengths), {"long_name": "part of the chirp"})
    shown = film.isel(y=0, x=0, drop=True).load()
    made = {
        name: xr.Dataset({"response": curve, "stimulus": shown}).assign_coords(part=told)
        for name, curve in _courses(screen, film, 0).items()
    }
    tree = xr.DataTree.from_dict(made)
    tree.attrs = {"protocol": "chirp", "contrast": float(contrast)}
    return tree


def _courses(screen: Screen, film: xr.DataArray, first: int) -> dict[str, xr.DataArray]:
    """Mean of trials of each output, its first step labelled ``first`` steps after 0."""
    result = run(screen.model, film, **screen.run)
    made = {}
    for name, values in result.data_vars.items():
        if is_event_table(values):
            cure = f'outputs=["{str(name).removesuffix("_times")}"], counts per step'
            raise ContractError(explain("outputs", wanted="values per time step", got=str(name), cure=cure))
        units = values.attrs.get("units", "1")
        whole = values.mean(dims.REPEAT) if dims.REPEAT in values.dims else values
        if units == "count":
            whole, units = whole / screen.dt, "Hz"
        if first:
            labels = screen.dt * (first + np.arange(whole.sizes[dims.TIME]))
            whole = whole.drop_vars(dims.TIME).assign_coords(time=(dims.TIME, labels, {"units": "s"}))
        made[str(name)] = whole.transpose(dims.TIME, ...).assign_attrs(units=units)
    return made


def _flashed(response: xr.DataArray, quiet: int, lit: int) -> xr.Dataset:
    baseline = response[:quiet].mean(dims.TIME)
    during, later = response[quiet : quiet + lit], response[quiet + lit :]
    on, off = ((part.max(dims.TIME) - baseline).clip(min=0) for part in (during, later))
    end = (during[-max(1, lit // 10) :].mean(dims.TIME) - baseline) / on.where(on > 0)
    units = {"units": response.attrs["units"]}
    return xr.Dataset({
        "response": response,
        "baseline": baseline.assign_attrs(units, long_name="mean response before the flash"),
        "on": on.assign_attrs(units, long_name="rise during the flash"),
        "off": off.assign_attrs(units, long_name="rise after the flash"),
        "on_off_index": ((on - off) / (on + off).where(on + off > 0)).assign_attrs(units="1", long_name="on-off index"),
        "latency": during.idxmax(dims.TIME).where(on > 0).assign_attrs(units="s", long_name="time of the peak"),
        "sustained": end.assign_attrs(units="1", long_name="part of the rise that is left at the end of the flash"),
    })  # fmt: skip
