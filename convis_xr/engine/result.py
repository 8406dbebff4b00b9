"""The labelled result of a run, and the sink that collects it in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from convis_xr.engine.rehearsal import Rehearsal
from convis_xr.engine.state import ENCODING, Arrays
from convis_xr.event_table import EventTable


@dataclass(frozen=True)
class Made:
    """The outputs of one chunk."""

    first: int
    stop: int
    #: output name to values with the output's own dimensions
    arrays: Arrays
    #: output name to the columns of a table of events
    tables: dict[str, Arrays]
    #: the state after the chunk
    state: Arrays
    #: the first and the last frame that were shown
    first_frame: np.ndarray[Any, Any]
    last_frame: np.ndarray[Any, Any]


def result_attrs(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of a finished result; texts and numbers only, which every file format takes."""
    made_of = json.dumps(facts, sort_keys=True)
    return {"title": "response of a model of vision", "convis_xr_provenance": made_of, "complete": 1}


class InMemory:
    """Collects the outputs in arrays that are made beforehand, and events in lists."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._rehearsal = rehearsal
        self._arrays = {output.name: np.empty(output.shape, output.dtype) for output in rehearsal.outputs}
        self._rows: dict[str, list[Arrays]] = {table.name: [] for table in rehearsal.tables}
        self._state: Arrays = {}

    def write(self, made: Made) -> None:
        """Put a chunk into its place."""
        for output in self._rehearsal.outputs:
            self._arrays[output.name][output.part(made.first, made.stop)] = made.arrays[output.name]
        for name, rows in made.tables.items():
            self._rows[name].append(rows)
        self._state = made.state

    def result(self, facts: Mapping[str, Any]) -> xr.Dataset:
        """All of it, labelled."""
        dataset = self._rehearsal.skeleton().assign_attrs(result_attrs(facts))
        by_name = {output.name: output for output in self._rehearsal.outputs}
        for name, form in self._rehearsal.forms.items():
            if isinstance(form, EventTable):
                dataset = dataset.merge(form.dataset(self._table(form)))
            else:
                dataset[name] = (by_name[name].dims, self._arrays[name], by_name[name].attrs)
        dataset.encoding[ENCODING] = self._state
        return dataset

    def _table(self, form: EventTable) -> Arrays:
        parts = self._rows[form.name]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else form.empty()
