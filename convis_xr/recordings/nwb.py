"""Recordings in NWB files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from convis_xr import dims
from convis_xr.errors import ContractError, ConvisError, explain
from convis_xr.io.faults import bad_file, needed
from convis_xr.io.guard import DAMAGE
from convis_xr.recordings import nwb_tables
from convis_xr.recordings.forms import recording_tree
from convis_xr.recordings.nwb_series import NotAStimulus, stimulus
from convis_xr.recordings.series import Said

#: what is kept of the session
SESSION = ("identifier", "session_description", "experimenter", "institution", "lab", "session_id")


def open_nwb(path: Path, chosen: tuple[str, ...] | None, said: Said) -> xr.DataTree:
    """What a file holds; its structure is read by pynwb, the frames of stimuli later, without it.

    Parameters
    ----------
    path : Path
    chosen : tuple of str, optional
        Names of series; by default all that were presented, and the templates.
    said : Said
    """
    pynwb = needed("pynwb", "nwb")
    try:
        with pynwb.NWBHDF5IO(str(path), "r") as file:
            return _recording(file.read(), chosen, said)
    except ConvisError:  # of what the caller said, not of the file
        raise
    except DAMAGE as error:
        raise bad_file(path, "an NWB file", str(error) or type(error).__name__) from error


def _recording(file: Any, chosen: tuple[str, ...] | None, said: Said) -> xr.DataTree:
    shown, templates = dict(file.stimulus), dict(file.stimulus_template)
    if chosen is not None:
        shown = _choose(shown | templates | dict(file.acquisition), chosen)
        templates = {}
    stimuli, left_out = _stimuli(shown, said)
    nodes: dict[str, Any] = {}
    if file.units is not None:
        nodes["spikes"], nodes["cells"] = nwb_tables.units(file.units)
    if file.trials is not None:
        nodes["trials"] = nwb_tables.table(file.trials, dims.TRIAL)
    if file.electrodes is not None:
        nodes["electrodes"] = nwb_tables.table(file.electrodes, dims.ELECTRODE)
    for name, intervals in dict(file.intervals or {}).items():
        if name != "trials":
            nodes[f"intervals/{name}"] = nwb_tables.table(intervals, dims.TRIAL)
    for name, template in _stimuli(templates, said)[0].items():
        nodes[f"templates/{name}"] = template.to_dataset(name=name)
    return recording_tree(stimuli=stimuli, left_out=left_out, attrs=_session(file), **nodes)


def _choose(known: dict[str, Any], chosen: tuple[str, ...]) -> dict[str, Any]:
    missing = [name for name in chosen if name not in known]
    if missing:
        wanted = f"a series among {', '.join(known) or 'none at all'}"
        cure = "one of these names, or none for all that were presented"
        raise ContractError(explain("stimulus", wanted=wanted, got=repr(missing[0]), cure=cure))
    return {name: known[name] for name in chosen}


def _stimuli(series: dict[str, Any], said: Said) -> tuple[dict[str, xr.DataArray], dict[str, str]]:
    """Stimuli by name, and of what is none the reason."""
    found, left_out = {}, {}
    for name, one in series.items():
        try:
            # a variable that is called as a dimension would be its labels
            found[f"{name}_" if name in dims.STIMULUS else name] = stimulus(one, said)
        except NotAStimulus as reason:
            left_out[name] = str(reason)
    return found, left_out


def _session(file: Any) -> dict[str, Any]:
    known = {name: getattr(file, name, None) for name in SESSION}
    texts = {name: value if isinstance(value, str) else "; ".join(value) for name, value in known.items() if value}
    return texts | {"session_start_time": file.session_start_time.isoformat()}
