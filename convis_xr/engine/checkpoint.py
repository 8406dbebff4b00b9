"""The mark of an unfinished store: one file that tells how far it is, and everything that is needed to go on.

It is replaced as a whole after each chunk, and only then; so whenever the process dies, what the mark says is true,
and what lies beyond the mark is written again. It lies in the group of the state, where listing the store does not
meet it.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from convis_xr.engine.plan import Plan
from convis_xr.engine.state import GROUP, MARK, Arrays
from convis_xr.errors import ResumeError, explain

_HALF = f"{MARK}.partial"
_GROUP_FILE = "zarr.json"
_FACTS = "facts of the run"


@dataclass(frozen=True)
class Checkpoint:
    """How far a run is.

    Parameters
    ----------
    plan : Plan
        How it was cut from the start.
    facts : dict
        Its provenance.
    done : int
        Samples that are written; -1 while the store is being laid out.
    frames : dict
        Digests of the first and of the last frame that were shown.
    state : dict of ndarray
        The model's state after that many samples.
    events : dict of int
        Rows of each table of events that are written.
    """

    plan: Plan
    facts: dict[str, Any]
    done: int = -1
    frames: dict[str, str] = field(default_factory=dict)
    state: Arrays = field(default_factory=dict)
    #: events that are written, by output
    events: dict[str, int] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write it into the store, as a whole or not at all."""
        facts = {"plan": self.plan.to_json(), "facts": self.facts, "done": self.done, "frames": self.frames}
        facts |= {"events": self.events}
        archive = io.BytesIO()  # of many small pieces, each of which would be a call of the system
        np.savez(archive, **self.state, **{_FACTS: np.array(json.dumps(facts))})  # type: ignore[arg-type]
        (folder / GROUP / _HALF).write_bytes(archive.getbuffer())
        os.replace(folder / GROUP / _HALF, folder / GROUP / MARK)


def prepare(folder: Path) -> None:
    """Make the folder of a store, with the group that the mark lies in."""
    (folder / GROUP).mkdir(parents=True, exist_ok=True)
    group = {"attributes": {}, "zarr_format": 3, "node_type": "group"}
    (folder / GROUP / _GROUP_FILE).write_text(json.dumps(group))


def is_unmarked(folder: Path) -> bool:
    """Whether there is nothing but what a run leaves that died before its first mark."""
    if not folder.is_dir() or {entry.name for entry in folder.iterdir()} - {GROUP}:
        return False
    group = folder / GROUP
    return not group.exists() or {entry.name for entry in group.iterdir()} <= {_GROUP_FILE, _HALF}


def remove(folder: Path) -> None:
    """Take the mark away: the store is complete."""
    (folder / GROUP / MARK).unlink(missing_ok=True)


def load(folder: Path) -> Checkpoint | None:
    """The mark of a store, None where it has none.

    Raises
    ------
    ResumeError
        There is a file of that name which is none of ours.
    """
    path = folder / GROUP / MARK
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            state = {name: archive[name] for name in archive.files if name != _FACTS}
            facts = json.loads(str(archive[_FACTS]))
        plan = Plan.from_json(facts.pop("plan"))
    except (ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile, EOFError) as error:
        cure = "another store="
        raise ResumeError(explain(str(path), wanted="the mark of a run", got=str(error), cure=cure)) from error
    return Checkpoint(plan=plan, state=state, **facts)
