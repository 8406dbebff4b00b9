"""How long a block may be: what a graph of gradients holds grows with it."""

from __future__ import annotations

import math
from typing import Any

from convis_xr.engine.plan import LARGEST_CHUNK, READING
from convis_xr.engine.source import source_blocks
from convis_xr.engine.stream import DEPTH
from convis_xr.errors import ContractError, UnitError, explain
from convis_xr.fitting.matching import Match
from convis_xr.options import get_option
from convis_xr.units import byte_count

#: arrays that a graph keeps for each that is alive while a model only computes
KEPT = 6


def chunk_of(match: Match, chunk: Any, memory: int | str | None, *, gradient: bool) -> int:
    """Steps in a block: as asked for, or as many as fit into memory and as pay.

    Longer ones than a run's are no faster; from 32 MiB an array on they are slower, since the C library asks the system
    for each of them anew.

    Parameters
    ----------
    match : Match
    chunk : int, quantity or None
    memory : int or str, optional
        Bytes; by default that of `set_options`.
    gradient : bool
        Whether a graph is kept.

    Raises
    ------
    ContractError, UnitError
        Both are given; none at all; or a single step does not fit.
    """
    steps = match.request.steps
    if chunk is not None:
        if memory is not None:
            got = f"chunk={chunk!r} and memory={memory!r}"
            raise ContractError(explain("chunk, memory", wanted="one of the two", got=got, cure="leave out memory="))
        length = match.request.info.sampling.steps(chunk, "chunk")
        if length < 1:
            raise UnitError(explain("chunk", wanted="at least one sample", got=repr(chunk), cure="chunk=1"))
        return min(length, steps)
    limit = byte_count(get_option("memory") if memory is None else memory, "memory")
    each, beside = bytes_of_step(match, gradient), bytes_beside(match)
    if each + beside > limit:
        cure = f'memory="{math.ceil((each + beside) / 2**20)} MiB"'
        raise ContractError(explain("memory", wanted="room for one step", got=f"{limit} bytes", cure=cure))
    paying = max(1, LARGEST_CHUNK // _frame_bytes(match))
    return min(steps, paying, (limit - beside) // each)


def bytes_of_step(match: Match, gradient: bool) -> int:
    """Bytes that are alive for each step of a block."""
    request = match.request
    arrays = request.model.working_arrays((match.output,)) * (KEPT if gradient else 1)
    response = math.prod(match.response.sizes[name] for name in match.response.dims[1:]) * request.dtype.itemsize
    return math.ceil(_frame_bytes(match) * arrays) + 4 * response + (DEPTH + 1 + READING) * _read_bytes(match)


def bytes_beside(match: Match) -> int:
    """Bytes that reading takes, however short a block is: the stimulus' own blocks come as a whole."""
    blocks = source_blocks(match.request.stimulus)
    return 0 if blocks is None else READING * max(blocks) * _read_bytes(match)


def _frame_bytes(match: Match) -> int:
    """Of a frame as it is computed with."""
    return math.prod(match.request.frame_shape) * match.request.dtype.itemsize


def _read_bytes(match: Match) -> int:
    """Of a frame as it is read."""
    return math.prod(match.request.frame_shape) * match.request.stimulus.dtype.itemsize
