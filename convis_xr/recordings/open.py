"""`open_recording`: what was shown and what cells did, from one file, lazily."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from convis_xr.errors import ContractError, explain
from convis_xr.io.faults import bad_file, existing
from convis_xr.io.guard import DAMAGE
from convis_xr.recordings import tables
from convis_xr.recordings.forms import CELLS, SPIKES, STIMULUS, TRIALS
from convis_xr.recordings.lab_file import open_lab_file
from convis_xr.recordings.nwb import open_nwb
from convis_xr.recordings.series import Said

_KINDS = {
    "nwb": (".nwb",),
    "hdf5": (".h5", ".hdf5", ".hdf"),
    "table": tables.SUFFIXES,
    "zarr": (".zarr",),
}
_SCALES = {"dt", "pixel_size", "units", "axes"}
#: what each kind of file takes
_OPTIONS = {
    "nwb": {"stimulus"} | _SCALES,
    "hdf5": {"stimulus", "spikes", "cells", "frame_times", "trials", "time_unit"} | _SCALES,
    "table": {"spikes", "cells", "time_unit"},
    "zarr": set(),
}


def open_recording(
    path: str | os.PathLike[str],
    *,
    stimulus: str | list[str] | None = None,
    spikes: str | None = None,
    cells: str | None = None,
    frame_times: str | None = None,
    trials: Any = None,
    time_unit: str | None = None,
    dt: Any = None,
    pixel_size: Any = None,
    units: str | None = None,
    axes: tuple[str, ...] | None = None,
) -> xr.DataTree:
    """Open a recording. Spikes and tables are read, stimuli stay in the file until they are computed.

    Parameters
    ----------
    path : path
        NWB (.nwb), HDF5 with a layout of its own (.h5, .hdf5), spikes in a table (.csv, .parquet), or what `save` wrote
        as .zarr.
    stimulus : str or list of str, optional
        NWB: names of series (also of acquisition), by default all that were presented. HDF5: names of datasets.
    spikes : str, optional
        HDF5: a dataset for each cell, as ``"spikes/{cell}"`` or ``"spikes/{cell}/{repeat}"``; or one of all times.
        Table: the column of times, by default the one that is called time, spike_time, time_ms, ...
    cells : str, optional
        HDF5: dataset with the label of each spike. Table: the column of labels, by default ``cell``.
    frame_times : str, optional
        HDF5: dataset of the times at which frames came on.
    trials : str or (str, str), optional
        HDF5: dataset (trial, 2) of starts and stops, or a dataset for each.
    time_unit : str, optional
        HDF5, tables: unit of times, where the file (attribute ``units``, column ``time_ms``) does not say it.
    dt : quantity, optional
        Time step of frames [s] where the file has no times; then that of `set_options`.
    pixel_size : quantity or pair (y, x), optional
        Pixel pitch [degree], before that of the file (NWB: of an OpticalSeries' field of view and distance, in the
        middle of it, or as `save` notes it), then that of `set_options`.
    units : str, optional
        Unit of the stimuli's values, before that of the file.
    axes : tuple of str, optional
        Meaning of a stimulus' axes. NWB: by default (time, x, y[, channel]), as its schema has them, though many files
        hold (time, y, x). HDF5: as of `as_stimulus`.

    Returns
    -------
    DataTree
        ``stimulus`` (a variable for each; where their grids differ, a child for each), ``spikes`` (`time` [s] over
        ``event``, with the coordinate ``cell``, sorted), ``cells``, ``trials`` (``start``, ``stop`` [s]),
        ``electrodes``, as far as the file has them; of NWB also ``templates`` and ``intervals``. Frames at uneven times
        keep these as labels, for `on_clock`; scales that nobody knows are left out. What is no stimulus stands in the
        attribute ``left_out`` of ``stimulus``, with the reason.

    Raises
    ------
    FormatError
        The file is damaged, or of another type.
    ContractError
        Names that the file does not have (the message lists what it has), or arguments that it does not take.
    UnitError
        Times without a unit.
    FileNotFoundError

    Examples
    --------
    >>> import tempfile
    >>> import convis_xr as cx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cx.recordings.save(cx.recordings.spike_table({"a": [0.1, 0.2]}), f"{folder}/spikes.csv")
    ...     list(open_recording(f"{folder}/spikes.csv").children)
    ['spikes', 'cells']
    """
    given = {
        "stimulus": stimulus,
        "spikes": spikes,
        "cells": cells,
        "frame_times": frame_times,
        "trials": trials,
        "time_unit": time_unit,
        "dt": dt,
        "pixel_size": pixel_size,
        "units": units,
        "axes": axes,
    }
    found = existing(path)
    kind = _kind(found)
    for name, value in given.items():
        if value is not None and name not in _OPTIONS[kind]:
            raise ContractError(explain(name, wanted=f"nothing, for {found.name}", got=repr(value), cure="drop it"))
    said = Said(dt, pixel_size, units, axes)
    chosen = None if stimulus is None else (stimulus,) if isinstance(stimulus, str) else tuple(stimulus)
    if kind == "nwb":
        return open_nwb(found, chosen, said)
    if kind == "table":
        return tables.open_table(found, spikes, cells, time_unit)
    if kind == "zarr":
        return _open_zarr(found)
    return open_lab_file(
        found, chosen, spikes, said=said, cells=cells, frame_times=frame_times, trials=trials, time_unit=time_unit
    )


def _kind(path: Path) -> str:
    for kind, suffixes in _KINDS.items():
        if path.suffix.lower() in suffixes:
            return kind
    known = " ".join(suffix for suffixes in _KINDS.values() for suffix in suffixes)
    cure = "another name, or cx.open_stimulus(path) for a stimulus alone"
    raise bad_file(path, f"a recording that ends with one of {known}", f"the suffix {path.suffix!r}", cure)


def _open_zarr(path: Path) -> xr.DataTree:
    try:
        tree = xr.open_datatree(path, engine="zarr", chunks={}, consolidated=False, decode_timedelta=False)
    except DAMAGE as error:
        raise bad_file(path, "a zarr store", str(error) or type(error).__name__) from error
    if not set(tree.children) & {STIMULUS, SPIKES, CELLS, TRIALS}:
        cure = "cx.open_stimulus(path) for a stimulus alone"
        raise bad_file(path, "a recording", f"a store with {', '.join(tree.children) or 'no groups'}", cure)
    return xr.DataTree.from_dict({node.path: _node(node) for node in tree.subtree})


def _node(node: xr.DataTree) -> xr.Dataset:
    """A node of a store: stimuli stay there, the rest is read."""
    dataset = node.to_dataset(inherit=False)
    if node.path.split("/")[1] in (STIMULUS, "templates"):
        return dataset
    dataset = dataset.load()
    texts = {name: _text(value) for name, value in dataset.variables.items() if value.dtype.kind in "OT"}
    coords = {name: value for name, value in texts.items() if name in dataset.coords}
    return dataset.assign({name: value for name, value in texts.items() if name not in coords}).assign_coords(coords)


def _text(variable: xr.Variable) -> xr.Variable:
    values = np.asarray(variable.values.tolist(), np.str_).reshape(variable.shape)
    return xr.Variable(variable.dims, values, variable.attrs)
