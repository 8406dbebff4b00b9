"""The result of a run as a zarr store: written once, gone on with after an interruption, then read lazily."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import xarray as xr

from convis_xr.engine import checkpoint, layout
from convis_xr.engine.checkpoint import Checkpoint
from convis_xr.engine.memory import shown_bytes
from convis_xr.engine.plan import Plan
from convis_xr.engine.provenance import differences, digest
from convis_xr.engine.rehearsal import Rehearsal
from convis_xr.engine.request import Request
from convis_xr.engine.result import Made, result_attrs
from convis_xr.engine.source import read_frame
from convis_xr.engine.state import GROUP, Arrays
from convis_xr.errors import ContractError, ResumeError, explain
from convis_xr.event_table import EventTable

#: differences that a message tells one by one
MOST_SHOWN = 5


class Store:
    """A store that is being written, or is complete.

    What a finished store holds depends on the run alone: not on the time, the place, or on interruptions.
    """

    def __init__(self, folder: Path, rehearsal: Rehearsal, mark: Checkpoint, complete: bool) -> None:
        self.folder = folder
        self.complete = complete
        self._rehearsal = rehearsal
        self._mark = mark
        self._arrays = {} if complete else layout.open_arrays(folder, mark.plan.outputs)
        self._tables = {} if complete else layout.open_tables(folder, mark.plan.tables, mark.events)

    @property
    def plan(self) -> Plan:
        """How the run was cut from the start."""
        return self._mark.plan

    @property
    def done(self) -> int:
        """Samples that are written."""
        return self._mark.done

    @property
    def state(self) -> Arrays:
        """State of the model after the samples that are written."""
        return self._mark.state

    def write(self, made: Made) -> None:
        """Write a chunk, then move the mark."""
        for output in self.plan.outputs:
            self._arrays[output.name].write(made.arrays[output.name], output.origin(made.first))
        events = {
            name: layout.append(self._tables[name], rows, self._mark.events.get(name, 0))
            for name, rows in made.tables.items()
        }
        last = digest(made.last_frame)
        first = self._mark.frames["first"] if "first" in self._mark.frames else digest(made.first_frame)
        frames = {"first": first, "last": last}
        self._mark = replace(self._mark, done=made.stop, frames=frames, state=made.state, events=events)
        self._mark.save(self.folder)

    def finish(self) -> None:
        """Keep the final state, say that the store is complete, and take the mark away.

        Raises
        ------
        ResumeError
            Something that was written is gone.
        """
        _check_whole(self.folder, self.plan)
        layout.write_state(self.folder, self.state)
        facts = {"plan": self.plan.to_json(), "frames": self._mark.frames}
        attrs = result_attrs(self._mark.facts) | {"convis_xr_run": json.dumps(facts, sort_keys=True)}
        layout.write_root(self.folder, attrs)
        checkpoint.remove(self.folder)
        self.complete = True

    def result(self) -> xr.Dataset:
        """What was written, lazily."""
        return layout.open_result(self.folder, self._rehearsal.skeleton(), list(self._rehearsal.names))


def open_store(
    path: str | os.PathLike[str],
    request: Request,
    rehearsal: Rehearsal,
    made: Plan,
    facts: Mapping[str, Any],
    *,
    resume: bool,
) -> Store:
    """Begin a store, or go on with one.

    Raises
    ------
    ContractError
        Something is there already and ``resume`` was not asked for; the disk is too small; not a place on a disk.
    ResumeError
        What is there belongs to another run, or to none.
    """
    folder = folder_of(path)
    if not os.path.lexists(folder) or checkpoint.is_unmarked(folder):
        return _begin(folder, rehearsal, made, facts)
    if not resume:
        cure = "another path, or resume=True (--resume) to go on with an interrupted run"
        raise ContractError(explain("store", wanted="a path that does not exist", got=str(folder), cure=cure))
    found = checkpoint.load(folder) if folder.is_dir() else None
    complete = _complete_mark(folder) if found is None else None
    mark = found or complete
    if mark is None:
        cure = "another store="
        raise ResumeError(explain("store", wanted="the store of a run", got=f"{folder}, which is none", cure=cure))
    _check_same(folder, mark, facts, request)
    if complete is not None:
        _check_whole(folder, complete.plan)
        return Store(folder, rehearsal, complete, complete=True)
    if mark.done < 0:
        return _lay_out(folder, rehearsal, mark)
    _check_disk(folder, int(mark.plan.disk * (1 - mark.done / mark.plan.steps)))
    layout.remove_partial(folder)
    return Store(folder, rehearsal, mark, complete=False)


def _begin(folder: Path, rehearsal: Rehearsal, made: Plan, facts: Mapping[str, Any]) -> Store:
    _check_disk(folder, made.disk)
    checkpoint.prepare(folder)
    # by way of text, so that what is compared later has been through the same
    mark = Checkpoint(plan=Plan.from_json(made.to_json()), facts=json.loads(json.dumps(dict(facts))))
    mark.save(folder)
    return _lay_out(folder, rehearsal, mark)


def _lay_out(folder: Path, rehearsal: Rehearsal, mark: Checkpoint) -> Store:
    """Write all that is known before the first sample; where this was interrupted, once more from the start."""
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != GROUP:
            shutil.rmtree(entry)
        elif entry.is_file():
            entry.unlink()
    tables = [form for form in rehearsal.forms.values() if isinstance(form, EventTable)]
    layout.create(folder, rehearsal.skeleton(), mark.plan, tables)
    layout.write_root(folder, result_attrs(mark.facts) | {"complete": 0})
    mark = replace(mark, done=0)
    mark.save(folder)
    return Store(folder, rehearsal, mark, complete=False)


def folder_of(path: str | os.PathLike[str]) -> Path:
    """Where a store lies; a ContractError where that is no place on a disk."""
    if not isinstance(path, str | os.PathLike):
        raise ContractError(explain("store", wanted="a path", got=repr(path), cure='store="response.zarr"'))
    text = os.fspath(path)
    if "://" in text or text.endswith(".zip"):
        raise ContractError(explain("store", wanted="a directory", got=text, cure='store="response.zarr"'))
    return Path(text)


def _complete_mark(folder: Path) -> Checkpoint | None:
    """The mark that a complete store would have."""
    attrs = layout.read_root(folder)
    if not attrs.get("complete") or "convis_xr_run" not in attrs:
        return None
    run = json.loads(attrs["convis_xr_run"])
    made = Plan.from_json(run["plan"])
    return Checkpoint(made, json.loads(attrs["convis_xr_provenance"]), made.steps, run["frames"])


def _check_same(folder: Path, mark: Checkpoint, facts: Mapping[str, Any], request: Request) -> None:
    """The run that is asked for is the one that the store belongs to."""
    other = differences(mark.facts, json.loads(json.dumps(dict(facts))))
    shown = {"first": 0, "last": mark.done - 1} if mark.frames else {}
    for which, index in shown.items():
        if not other and digest(read_frame(request.stimulus, index)) != mark.frames[which]:
            other.append(f"the stimulus' frame {index + request.offset}")
    if other:
        cure = "the same arguments as before, or another store="
        wanted = f"the run that {folder} belongs to"
        listed = other[:MOST_SHOWN] + [f"and {len(other) - MOST_SHOWN} more"] * (len(other) > MOST_SHOWN)
        raise ResumeError(explain("resume", wanted=wanted, got=f"another: {'; '.join(listed)}", cure=cure))


def _check_whole(folder: Path, made: Plan) -> None:
    """Zarr reads a chunk whose file is lost as zeros; a run writes every chunk, zeros too."""
    columns = [name for table in made.tables for name, _ in table.columns]
    for name, lost in layout.lost_chunks(folder, [output.name for output in made.outputs] + columns).items():
        got = f"{folder}, where {lost} chunks of {name!r} are lost"
        cure = "another store=, and a run from the start"
        raise ResumeError(explain("store", wanted="every chunk that was written", got=got, cure=cure))


def _check_disk(folder: Path, needed: int) -> None:
    parent = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(parent).free
    if needed > free:
        got = f"{shown_bytes(needed)} of outputs (before compression)"
        cure = "a store= on a larger disk, fewer outputs=, or a part: start=, stop="
        raise ContractError(explain("store", wanted=f"at most {shown_bytes(free)}, the free space", got=got, cure=cure))
