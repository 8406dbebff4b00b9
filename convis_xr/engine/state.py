"""The state that a model is left in by a run: kept with the result, so that another run can go on from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
import zarr

from convis_xr import dims
from convis_xr.errors import ContractError, explain

#: where a result in memory keeps the state
ENCODING = "convis_xr_state"
#: group of a store that keeps it
GROUP = "convis_xr_state"
#: file in it while the run is not finished
MARK = "checkpoint.npz"

Arrays = dict[str, np.ndarray[Any, Any]]


def to_arrays(state: Mapping[str, torch.Tensor]) -> Arrays:
    """A copy as numpy arrays: what a layer does to its state later does not reach it."""
    return {path: np.array(value.detach().cpu().numpy()) for path, value in state.items()}


def to_tensors(state: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, torch.Tensor]:
    """A copy as tensors."""
    return {path: torch.from_numpy(np.array(value)) for path, value in state.items()}


def read_state(dataset: xr.Dataset) -> dict[str, torch.Tensor]:
    """The state after the last frame of a result, path to tensor.

    Parameters
    ----------
    dataset : Dataset
        What `run` gave, or the store that it wrote, opened with ``xarray.open_zarr``.

    Raises
    ------
    ContractError
        The data set is not (or no longer) the result of a run, is a part of one, or the run has not come to its end.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> flash = cx.as_stimulus(np.ones(20), dt="10 ms", units="1")
    >>> sorted(read_state(cx.run(cx.filters.LowPass(), flash)))
    ['low_pass']
    """
    _check_whole(dataset)
    if ENCODING in dataset.encoding:
        return to_tensors(dataset.encoding[ENCODING])
    source = dataset.encoding.get("source")
    group = None if source is None else Path(source) / GROUP
    if group is None or not (group / "zarr.json").exists() or (group / MARK).exists():
        cure = "what cx.run gave or wrote, before other operations; finish an interrupted run with resume=True"
        wanted = "the result of a finished run"
        raise ContractError(explain("dataset", wanted=wanted, got="one without state", cure=cure))
    arrays = zarr.open_group(group, mode="r", use_consolidated=False).arrays()
    return to_tensors({path: np.asarray(array[...]) for path, array in arrays})


def _check_whole(dataset: xr.Dataset) -> None:
    """The state belongs to the end of the run; a part of the result, which xarray lets pass as one, ends elsewhere."""
    facts = json.loads(dataset.attrs.get("convis_xr_provenance", "null"))
    shown = dataset.sizes.get(dims.TIME) if facts is None else facts["stimulus"]["sizes"][dims.TIME]
    if dims.TIME not in dataset.dims and any(str(name).rpartition("_")[2] == dims.EVENT for name in dataset.dims):
        return  # tables of events alone: they do not tell how long they are
    if dataset.sizes.get(dims.TIME) != shown:
        got = f"{dataset.sizes.get(dims.TIME)} of {shown} samples"
        cure = "a run up to there: cx.run(..., stop=)"
        raise ContractError(explain("dataset", wanted="the whole result of a run", got=got, cure=cure))
