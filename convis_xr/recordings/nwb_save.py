"""Recordings into NWB files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.contract import check_stimulus
from convis_xr.coordinates import space
from convis_xr.errors import ContractError, explain
from convis_xr.io.faults import needed
from convis_xr.io.streaming import blocks
from convis_xr.recordings.binning import Steps
from convis_xr.recordings.forms import (
    CELLS,
    ELECTRODES,
    SPIKES,
    TRIALS,
    cell_table,
    check_all_known,
    check_spikes,
    codes,
    stimuli_of,
)
from convis_xr.recordings.nwb import SESSION
from convis_xr.recordings.nwb_series import AXES, write_note
from convis_xr.recordings.observed import OBSERVED
from convis_xr.recordings.times import label_seconds

#: bytes of a chunk of the file
STORED_BYTES = 2**20
#: columns of electrodes that NWB itself has
_ELECTRODE = ("x", "y", "z", "imp", "location", "filtering", "reference")


def write_nwb(recording: xr.DataTree, path: Path) -> None:
    """Write stimuli, units, trials and electrodes; times keep all their bits.

    Parameters
    ----------
    recording : DataTree
    path : Path
        Must not exist.
    """
    pynwb = needed("pynwb", "nwb")
    session = {name: value for name, value in recording.attrs.items() if name in SESSION}
    start = recording.attrs.get("session_start_time")
    file = pynwb.NWBFile(
        **{"session_description": "written by convis_xr", "identifier": str(uuid4())} | session,
        session_start_time=datetime.fromisoformat(start) if start else datetime.now(UTC),
    )
    for name, film in stimuli_of(recording).items():
        file.add_stimulus(_series(pynwb, name, film))
    if ELECTRODES in recording.children:
        _add_electrodes(file, recording[ELECTRODES].to_dataset())
    if SPIKES in recording.children or CELLS in recording.children:
        _add_units(file, recording)
    if TRIALS in recording.children:
        _add_trials(file, recording[TRIALS].to_dataset())
    with pynwb.NWBHDF5IO(str(path), "w") as out:
        out.write(file)


def _series(pynwb: Any, name: str, film: xr.DataArray) -> Any:
    """A stimulus as a series, whose blocks are computed while it is written."""
    pixel = None
    if film.coords.get(dims.TIME) is not None and set(film.dims) <= set(dims.STIMULUS) and _uneven(film):
        order = check_stimulus(film.isel({dims.TIME: slice(0, 1)}), name)[0]
        film = film.transpose(*order.dims).assign_attrs(order.attrs)
    else:
        film = check_stimulus(film, name)[0]
    if set(dims.SPACE) <= set(film.dims):
        pixel = _pixel(film, name)
    names = AXES.get(film.ndim, ())
    if set(names) != set(film.dims):
        got, cure = f"{film.dims}", ".isel(batch=0), or save it as .zarr"
        raise ContractError(explain(name, wanted="a film, as NWB has it", got=got, cure=cure))
    kind = pynwb.image.ImageSeries if dims.X in names else pynwb.TimeSeries
    comments = write_note(film.isel({dims.TIME: slice(0, 1)}), pixel, names)
    return kind(name=name, data=_blocks(film, names), unit=film.attrs["units"], comments=comments, **_clock(film))


def _uneven(film: xr.DataArray) -> bool:
    try:
        Steps(film)
    except ContractError:
        return True
    return False


def _pixel(film: xr.DataArray, name: str) -> tuple[float, float]:
    """The pitch (y, x), degree, from which a reader makes the same coordinates."""
    pitch = []
    for axis, sign in ((dims.Y, -1), (dims.X, 1)):
        values = film[axis].values.astype(np.float64)
        step = film[axis].attrs.get("step", (values[-1] - values[0]) / max(len(values) - 1, 1))
        made = space(axis, len(values), sign * abs(float(step))).values
        in_degree = film[axis].attrs.get("units") == "degree"
        if not in_degree or np.abs(made - values).max() > 1e-3 * abs(float(step)):
            got = f"{axis} from {values[0]:.6g} to {values[-1]:.6g} {film[axis].attrs.get('units')}"
            cure = "assign_coords that are centred, or save it as .zarr"
            raise ContractError(explain(name, wanted="pixels centred on 0 degree, for NWB", got=got, cure=cure))
        pitch.append(abs(float(step)))
    return pitch[0], pitch[1]


def _clock(film: xr.DataArray) -> dict[str, Any]:
    """Rate and start where a reader makes the same labels of them, bit by bit; else a time stamp for each frame."""
    seconds = label_seconds(film[dims.TIME])
    step = film[dims.TIME].attrs.get("step", 0.0) or (seconds[1] - seconds[0] if len(seconds) > 1 else 0.0)
    if step > 0:
        rate = 1 / float(step)
        # as `Sampling` and `coordinates.grid` make them
        if np.array_equal(seconds[0] + np.arange(len(seconds)) * (1 / rate), seconds):
            return {"rate": rate, "starting_time": float(seconds[0])}
    return {"timestamps": seconds}


def _blocks(film: xr.DataArray, names: tuple[str, ...]) -> Any:
    """The values frame by frame, with axes ``names``; each block is computed once."""
    chunks = needed("hdmf.data_utils", "nwb").DataChunkIterator
    order = [film.dims.index(name) for name in names]
    frames = (frame for block in blocks(film) for frame in block.transpose(order))
    shape = tuple(film.sizes[name] for name in names[1:])
    length = min(film.sizes[dims.TIME], max(1, STORED_BYTES * film.sizes[dims.TIME] // max(1, film.nbytes)))
    iterator = chunks(data=frames, maxshape=(None, *shape), dtype=film.dtype, buffer_size=length)
    stored = needed("hdmf.backends.hdf5", "nwb").H5DataIO
    return stored(iterator, chunks=(length, *shape), maxshape=(None, *shape))


def _add_units(file: Any, recording: xr.DataTree) -> None:
    """A row for each cell, column by column: hdmf would look at spikes that are added row by row one by one."""
    common, misc = needed("hdmf.common", "nwb"), needed("pynwb.misc", "nwb")
    table, trains = _cells(recording)
    labels = table[dims.CELL].values
    columns = _columns(table, dims.CELL, {dims.CELL, OBSERVED})
    ids = labels.tolist() if labels.dtype.kind in "iu" else list(range(len(labels)))
    if labels.dtype.kind not in "iu":
        columns[dims.CELL] = (labels, "label of the cell")
    made = [
        common.VectorData(name=name, description=text, data=values.tolist() if values.dtype.kind in "UO" else values)
        for name, (values, text) in columns.items()
    ]
    ragged = {"spike_times": trains}
    if OBSERVED in table.variables:
        ragged[OBSERVED] = [rows[~np.isnan(rows[:, 0])] for rows in table[OBSERVED].values]
    for name, rows in ragged.items():
        if rows is not None:
            data = common.VectorData(name=name, description=f"{name} of each cell, s", data=np.concatenate(rows))
            made += [data, common.VectorIndex(name=f"{name}_index", data=np.cumsum([*map(len, rows)]), target=data)]
    names = [*columns, *(name for name, rows in ragged.items() if rows is not None)]
    file.units = misc.Units(name="units", description="cells", id=ids, columns=made, colnames=names)


def _cells(recording: xr.DataTree) -> tuple[xr.Dataset, list[np.ndarray[Any, Any]] | None]:
    """The table of cells, and the spike times of each."""
    if SPIKES not in recording.children:
        return recording[CELLS].to_dataset(), None
    cells = recording[CELLS].to_dataset() if CELLS in recording.children else None
    checked = check_spikes(recording[SPIKES])
    if checked.repeat is not None:
        cure = "save it as .zarr, or put repeats behind one another on one clock"
        raise ContractError(explain("spikes", wanted="one recording, for NWB", got="repeats", cure=cure))
    table = cell_table(cells, checked)
    check_all_known(checked, table)
    place = codes(checked.cell, table)
    order = np.argsort(place, kind="stable")
    ends = np.cumsum(np.bincount(place[order], minlength=table.sizes[dims.CELL]))
    return table, np.split(checked.times[order], ends[:-1])


def _add_trials(file: Any, trials: xr.Dataset) -> None:
    columns = _columns(trials, dims.TRIAL, {dims.TRIAL, "start", "stop"})
    for name, (_, text) in columns.items():
        file.add_trial_column(name, text)
    for at in range(trials.sizes[dims.TRIAL]):
        row = {name: values[at] for name, (values, _) in columns.items()}
        ends = {f"{name}_time": float(trials[name][at]) for name in ("start", "stop")}
        file.add_trial(**ends, **row)


def _add_electrodes(file: Any, electrodes: xr.Dataset) -> None:
    """A row for each electrode, in groups of one device."""
    columns = _columns(electrodes, dims.ELECTRODE, {dims.ELECTRODE})
    known = {name: values for name, (values, _) in columns.items()}
    groups = known.pop("group_name", np.full(electrodes.sizes[dims.ELECTRODE], "electrodes"))
    known.pop("group", None)
    device = file.create_device("device")
    made = {
        name: file.create_electrode_group(name=name, description=name, location="unknown", device=device)
        for name in dict.fromkeys(map(str, groups))
    }
    for name in known:
        if name not in _ELECTRODE:
            file.add_electrode_column(name, columns[name][1])
    for at, number in enumerate(electrodes[dims.ELECTRODE].values.tolist()):
        row = {"location": "unknown"} | {name: _item(values[at]) for name, values in known.items()}
        file.add_electrode(id=number, group=made[str(groups[at])], **row)


def _columns(table: xr.Dataset, dim: str, skip: set[str]) -> dict[str, tuple[np.ndarray[Any, Any], str]]:
    """Values and description of the columns along ``dim``."""
    return {
        str(name): (value.values, str(value.attrs.get("long_name", name)))
        for name, value in table.variables.items()
        if name not in skip and value.dims[:1] == (dim,)
    }


def _item(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
