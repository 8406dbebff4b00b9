"""How long a block may be: what a graph of gradients holds grows with it."""

from __future__ import annotations

import math
from typing import Any

from convis_xr.errors import ContractError, UnitError, explain
from convis_xr.fitting.matching import Match
from convis_xr.options import get_option
from convis_xr.units import byte_count

#: arrays that a graph keeps for each that is alive while a model only computes
KEPT = 6


def chunk_of(match: Match, chunk: Any, memory: int | str | None, *, gradient: bool) -> int:
    """Steps in a block: as asked for, or as many as fit into memory.

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
    each = bytes_of_step(match, gradient)
    if each > limit:
        cure = f'memory="{math.ceil(each / 2**20)} MiB"'
        raise ContractError(explain("memory", wanted="room for one step", got=f"{limit} bytes", cure=cure))
    return min(steps, limit // each)


def bytes_of_step(match: Match, gradient: bool) -> int:
    """Bytes that are alive for each step of a block."""
    request = match.request
    frame = math.prod(request.frame_shape) * request.dtype.itemsize
    arrays = request.model.working_arrays((match.output,)) * (KEPT if gradient else 1)
    response = math.prod(match.response.sizes[name] for name in match.response.dims[1:]) * request.dtype.itemsize
    return math.ceil(frame * arrays) + 4 * response
