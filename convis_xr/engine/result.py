"""The labelled result of a run, and the sink that collects it in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.engine.request import OutputFacts, Request
from convis_xr.engine.state import ENCODING, Arrays
from convis_xr.tensors import output_labels


@dataclass(frozen=True)
class Made:
    """The outputs of one chunk."""

    first: int
    stop: int
    #: output name to values with the output's own dimensions
    arrays: Arrays
    #: the state after the chunk
    state: Arrays
    #: the first and the last frame that were shown
    first_frame: np.ndarray[Any, Any]
    last_frame: np.ndarray[Any, Any]


def skeleton(request: Request, outputs: tuple[OutputFacts, ...]) -> xr.Dataset:
    """The coordinates of a result, without its variables."""
    dataset = xr.Dataset()
    for output in outputs:
        sizes = dict(zip(output.dims, output.shape, strict=True))
        labels = output_labels(request.stimulus, tuple(sizes.get(name, 1) for name in dims.STIMULUS))
        new = [name for name in labels.coords if name not in dataset.coords]
        dataset = dataset.assign_coords(labels.coords.to_dataset()[new].coords)
    return dataset


def result_attrs(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of a finished result; texts and numbers only, which every file format takes."""
    made_of = json.dumps(facts, sort_keys=True)
    return {"title": "response of a model of vision", "convis_xr_provenance": made_of, "complete": 1}


class InMemory:
    """Collects the outputs in arrays that are made beforehand."""

    def __init__(self, outputs: tuple[OutputFacts, ...]) -> None:
        self._outputs = outputs
        self._arrays = {output.name: np.empty(output.shape, output.dtype) for output in outputs}
        self._state: Arrays = {}

    def write(self, made: Made) -> None:
        """Put a chunk into its place."""
        for output in self._outputs:
            self._arrays[output.name][output.part(made.first, made.stop)] = made.arrays[output.name]
        self._state = made.state

    def result(self, request: Request, facts: Mapping[str, Any]) -> xr.Dataset:
        """All of it, labelled."""
        dataset = skeleton(request, self._outputs).assign_attrs(result_attrs(facts))
        for output in self._outputs:
            dataset[output.name] = (output.dims, self._arrays[output.name], output.attrs)
        dataset.encoding[ENCODING] = self._state
        return dataset
