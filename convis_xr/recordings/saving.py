"""`save`: a recording, or a part of it, into a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import xarray as xr

from convis_xr.errors import ContractError, explain
from convis_xr.io.streaming import whole_file
from convis_xr.recordings import tables
from convis_xr.recordings.assembling import as_recording
from convis_xr.recordings.forms import SPIKES
from convis_xr.recordings.nwb_save import write_nwb

_SUFFIXES = (".nwb", ".zarr", *tables.SUFFIXES)


def save(recording: Any, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a recording; a write that fails leaves no file. Stimuli are written block by block.

    Parameters
    ----------
    recording : DataTree, or Dataset (event)
        As `open_recording` or `as_recording` gives it; or spikes alone.
    path : path
        .nwb (stimuli, units, trials, electrodes; times keep all their bits), .zarr (everything), .csv or .parquet (the
        spikes alone).
    overwrite : bool

    Raises
    ------
    ContractError
        Another suffix, or what NWB has no place for: repeats, pixels that are not centred on 0.
    FileExistsError
        There is something of this name, and ``overwrite`` is not set.

    Examples
    --------
    >>> import tempfile
    >>> import convis_xr as cx
    >>> spikes = cx.recordings.spike_table({"a": [0.1, 0.2], "b": [0.15]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(spikes, f"{folder}/cells.nwb")
    ...     cx.open_recording(f"{folder}/cells.nwb")["spikes"]["time"].values
    array([0.1 , 0.15, 0.2 ])
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _SUFFIXES:
        wanted = f"one of the suffixes {' '.join(_SUFFIXES)}"
        raise ContractError(explain("path", wanted=wanted, got=repr(suffix), cure="rename it"))
    if isinstance(recording, xr.Dataset):
        recording = as_recording(spikes=recording)
    if not isinstance(recording, xr.DataTree):
        cure = "cx.recordings.as_recording(stimulus=..., spikes=..., trials=...)"
        raise ContractError(explain("recording", wanted="a DataTree", got=type(recording).__name__, cure=cure))
    if suffix in tables.SUFFIXES and SPIKES not in recording.children:
        got = ", ".join(recording.children) or "nothing"
        raise ContractError(explain("recording", wanted="spikes, for a table", got=got, cure="save it as .zarr"))
    with whole_file(path, overwrite) as temporary:
        if suffix == ".nwb":
            write_nwb(recording, temporary)
        elif suffix == ".zarr":
            _write_zarr(recording, temporary)
        else:
            tables.write_table(recording[SPIKES], temporary, suffix)


def _write_zarr(recording: xr.DataTree, path: Path) -> None:
    """Node by node, and one block after the other: where one fails, no other thread is still writing."""
    for node in recording.subtree:
        dataset = node.to_dataset(inherit=False).drop_encoding()
        # zarr has a type for texts of any length only
        texts = {name: value.astype(object) for name, value in dataset.variables.items() if value.dtype.kind == "U"}
        dataset = dataset.assign({name: value for name, value in texts.items() if name in dataset.data_vars})
        dataset = dataset.assign_coords({name: value for name, value in texts.items() if name in dataset.coords})
        group = None if node.path == "/" else node.path
        writing = dataset.to_zarr(path, group=group, mode="a", consolidated=False, compute=False)
        writing.compute(scheduler="synchronous")
