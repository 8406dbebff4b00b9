"""What a file or a store is, in words."""

from __future__ import annotations

import os
from pathlib import Path

import xarray as xr

from convis_xr.engine import checkpoint
from convis_xr.errors import ContractError, FormatError
from convis_xr.io.faults import bad_file, existing
from convis_xr.sampling import Sampling


def info(path: str | os.PathLike[str]) -> str:
    """Describe anything that xarray can open, which with this library includes films and folders of pictures.

    Parameters
    ----------
    path : path

    Returns
    -------
    str
        The Dataset as xarray shows it, its sampling, and of a store that a run wrote whether it is complete.

    Raises
    ------
    FormatError
        It is of no known type, or damaged.
    FileNotFoundError

    Examples
    --------
    >>> from convis_xr.samples import sample
    >>> print(info(sample("big_buck_bunny")))
    <xarray.Dataset> ...
    sampling: Sampling(dt='41.6667 ms', pixel_size='0.1 deg')
    """
    folder = existing(path)
    try:
        dataset = xr.open_dataset(folder, chunks={})
    except FormatError:
        raise
    except (ValueError, KeyError, OSError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        got = "one of unknown type" if "did not find a match" in lines[0] else lines[0]
        raise bad_file(path, "a store or a file that xarray can open", got) from error
    with dataset:
        return "\n".join([str(dataset), f"sampling: {_sampling(dataset)}", *_completeness(folder, dataset)])


def _sampling(dataset: xr.Dataset) -> str:
    try:
        return repr(Sampling.of(dataset))
    except ContractError as error:
        return str(error)


def _completeness(folder: Path, dataset: xr.Dataset) -> list[str]:
    if "complete" not in dataset.attrs:
        return []
    mark = None if dataset.attrs["complete"] else checkpoint.load(folder)
    if mark is None:
        return ["complete: yes"]
    return [f"complete: no, {max(mark.done, 0)} of {mark.plan.steps} steps are written; run with resume to go on"]
