"""`run` and `plan`: the public face of the engine."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
import xarray as xr
from xarray.indexes import RangeIndex

from convis_xr import dims
from convis_xr.context import RunContext
from convis_xr.engine import store as stores
from convis_xr.engine.lock import alone
from convis_xr.engine.memory import Keeper, available_bytes, reached_bytes, resident_bytes
from convis_xr.engine.plan import Plan, Workload, make_plan
from convis_xr.engine.progress import Progress, compiling_told
from convis_xr.engine.provenance import provenance
from convis_xr.engine.rehearsal import Rehearsal, rehearse
from convis_xr.engine.request import Request, resolve
from convis_xr.engine.result import InMemory, Made
from convis_xr.engine.source import Block, read_blocks, source_blocks
from convis_xr.engine.state import to_tensors
from convis_xr.engine.stream import stream
from convis_xr.engine.transfer import Local, transfer_to
from convis_xr.engine.trials import Trials
from convis_xr.errors import ContractError, UnitError, explain
from convis_xr.kernels.recycling import recycling
from convis_xr.options import get_option
from convis_xr.sampling import Sampling
from convis_xr.units import byte_count


def run(
    model: Any,
    stimulus: Any,
    *,
    outputs: Sequence[str] | str | None = None,
    start: Any = None,
    stop: Any = None,
    chunk: Any = None,
    memory: int | str | None = None,
    device: Any = None,
    dtype: Any = None,
    initial: Any = None,
    state: Mapping[str, Any] | None = None,
    seed: int | None = None,
    repeats: int | None = None,
    cells: Any = None,
    region: Any = None,
    nan: str = "raise",
    store: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool = True,
    sampling: Sampling | None = None,
) -> xr.Dataset:
    """Run a model over a stimulus of any length, chunk by chunk, in bounded memory.

    The model is not changed: the run has a state of its own, so that threads may share one model. However the run is
    cut, the numbers are the same. A thread reads ahead and another writes behind.

    Parameters
    ----------
    model : Layer
    stimulus : DataArray, Dataset of one variable, Stream, or bare array (any of batch, channel, time, y, x)
        Labelled data keep to `convis_xr.contract`. Bare numpy, torch and dask arrays are relative luminance (unit "1")
        on the scale of ``sampling``, or of `set_options`. Of a `Stream` the frames that come next, up to ``stop``.
    outputs : str or sequence of str, optional
        Which outputs; by default the model's own choice.
    start, stop : int or quantity, optional
        First sample and the one after the last: an int is an index, a quantity a label of the time coordinate (with
        dates: time since the first sample).
    chunk : int or quantity, optional
        Samples, or time, that are computed at once. By default what ``memory`` allows and what pays.
    memory : int or str, optional
        Bytes that the run may take beside what the process holds already (and about 50 MiB for libraries and threads);
        by default that of `set_options`. A result that is held in memory counts.
    device : str or torch.device, optional
        Must be where the model is.
    dtype : {"float32", "float64"}, optional
        What is computed in; by default float64 for a float64 stimulus, else float32.
    initial : "first_frame", "zeros", number or quantity, optional
        What is assumed to have been shown before the first sample; by default each layer's own choice.
    state : dict of Tensor, optional
        Go on from this state, as ``result.convis.state`` of an earlier run.
    seed : int, optional
        Of random numbers; by default the model's own.
    repeats : int, optional
        Number of trials, along a first dimension ``repeat``: they differ in their random numbers alone. Trial 0 is what
        a run without ``repeats`` gives. The state of such a run has a first axis of trials.
    cells : optional
        Compute and store only these cells: a list of pixels (row, column), row 0 on top; positions (y, x) in degrees,
        whose nearest pixels are taken (a quantity of shape (n, 2), or labelled data with ``y`` and ``x`` along one
        dimension); a mask over the frame; or, for layers that are sampled by an array of cells, their numbers or a mask
        of them. Outputs are (time, cell), with coordinates ``y`` and ``x``.
    region : dict or pair of slices, optional
        Compute and store only this part of the frame: ``{"y": slice("-1 deg", "1 deg"), "x": slice(10, 20)}``. Angles
        are labels, both ends included; bare ints are indices of pixels. As much of the frame around it is shown as the
        model looks at.
    nan : {"raise", "propagate"}
        What to do where the stimulus holds NaN or infinity.
    store : path, optional
        Directory for a zarr store. The result is then opened from there, lazily. It must not exist.
    resume : bool
        Go on with what an interrupted run has left in ``store``, cut as then; begin where there is none, and only open
        what is complete.
    progress : bool
        Show a progress bar where standard error is a terminal.
    sampling : Sampling, optional
        Of a bare array.

    Returns
    -------
    Dataset
        One variable for each output (``response`` where there is only one without a name) with units and coordinates.
        ``.convis.state`` is the state after the last sample.

    Raises
    ------
    ContractError
        A fault of the stimulus, a part that is not there, NaN or infinity, too little memory or disk, a store that
        exists.
    ResumeError
        The store belongs to another run, or to none.
    UnitError
        A bare number where a quantity is wanted.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> flash = cx.as_stimulus(np.ones((30, 4, 4)), dt="10 ms", pixel_size="0.1 deg", units="1")
    >>> result = cx.run(cx.filters.LowPass(tau="50 ms"), flash, chunk="100 ms")
    >>> result.response[[0, -1], 0, 0].values.round(3)
    array([0.181, 0.998])
    >>> later = cx.run(cx.filters.LowPass(tau="50 ms"), flash, state=result.convis.state)
    """
    request = resolve(
        model, stimulus, outputs=outputs, start=start, stop=stop, device=device, dtype=dtype, initial=initial,
        state=state, seed=seed, repeats=repeats, cells=cells, region=region, nan=nan, sampling=sampling,
    )  # fmt: skip
    if store is None and resume:
        raise ContractError(explain("resume", wanted="a store to go on with", got="none", cure='store="response.zarr"'))
    with torch.no_grad(), compiling_told(progress):
        rehearsal = rehearse(request)
        made = _plan(request, rehearsal, chunk, memory, stored=store is not None)
        facts = provenance(request, rehearsal.names)
        if store is None:
            _check_available(made)
            kept = InMemory(rehearsal)
            _stream(request, rehearsal, made, request.contexts(), kept.write, 0, progress)
            return kept.result(facts)
        with alone(stores.folder_of(store)):
            sink = stores.open_store(store, request, rehearsal, made, facts, resume=resume)
            if not sink.complete:
                contexts = request.contexts(to_tensors(sink.state) if sink.done else None)
                _stream(request, rehearsal, sink.plan.at(made.base), contexts, sink.write, sink.done, progress)
                sink.finish()
        return sink.result()


def plan(
    model: Any,
    stimulus: Any,
    *,
    outputs: Sequence[str] | str | None = None,
    start: Any = None,
    stop: Any = None,
    chunk: Any = None,
    memory: int | str | None = None,
    device: Any = None,
    dtype: Any = None,
    initial: Any = None,
    state: Mapping[str, Any] | None = None,
    seed: int | None = None,
    repeats: int | None = None,
    cells: Any = None,
    region: Any = None,
    nan: str = "raise",
    store: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool = True,
    sampling: Sampling | None = None,
) -> Plan:
    """What `run` would do with the same arguments: chunk lengths, bytes, peak memory, disk, layout of the store.

    The model is tried on one frame; the stimulus is not read, and nothing is written. An existing store is not looked
    at.

    Returns
    -------
    Plan
        Print it.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> flash = cx.as_stimulus(np.ones((3000, 50, 50)), dt="1 ms", pixel_size="0.1 deg", units="1")
    >>> made = cx.plan(cx.filters.LowPass(), flash, chunk="0.5 s", store="response.zarr")
    >>> made.chunks, made.stored["response"]
    (6, (250, 50, 50))
    """
    request = resolve(
        model, stimulus, outputs=outputs, start=start, stop=stop, device=device, dtype=dtype, initial=initial,
        state=state, seed=seed, repeats=repeats, cells=cells, region=region, nan=nan, sampling=sampling,
    )  # fmt: skip
    with torch.no_grad(), compiling_told(progress):
        return _plan(request, rehearse(request), chunk, memory, stored=store is not None)


def _plan(request: Request, rehearsal: Rehearsal, chunk: Any, memory: int | str | None, *, stored: bool) -> Plan:
    if chunk is not None and memory is not None:
        got = f"chunk={chunk!r} and memory={memory!r}"
        raise ContractError(explain("chunk, memory", wanted="one of the two", got=got, cure="leave out memory="))
    samples = None if chunk is None else request.info.sampling.steps(chunk, "chunk")
    if samples == 0:
        raise UnitError(explain("chunk", wanted="at least one sample", got=repr(chunk), cure="chunk=1"))
    limit = byte_count(get_option("memory") if memory is None else memory, "memory")
    footprint = request.model.footprint(request.info.sampling)
    model = f"{type(request.model).__name__}, {footprint}"
    # what the rehearsal has loaded and compiled is held by now
    work = _workload(request, rehearsal)
    return make_plan(
        work, memory=limit, chunk=samples, stored=stored, model=model, base=resident_bytes(), reached=reached_bytes()
    )


def _workload(request: Request, rehearsal: Rehearsal) -> Workload:
    pixels = math.prod(request.frame_shape)
    coords = rehearsal.skeleton().coords
    written = sum(
        value.nbytes for name, value in coords.items() if not isinstance(coords.xindexes.get(name), RangeIndex)
    )
    return Workload(
        steps=request.steps,
        raw_frame=pixels * request.stimulus.dtype.itemsize,
        float_frame=pixels * request.dtype.itemsize,
        source_blocks=source_blocks(request.stimulus),
        working_arrays=request.model.working_arrays(rehearsal.names),
        block_bytes=request.model.block_bytes,
        outputs=rehearsal.outputs,
        tables=rehearsal.tables,
        dt=request.info.sampling.dt_s or 0.0,
        trials=request.repeats or 1,
        state=rehearsal.state,
        coords=int(written),
    )


def _check_available(made: Plan) -> None:
    needed, free = made.bytes["result"], available_bytes()
    if needed > free:
        cure = 'store="response.zarr"'
        raise ContractError(explain("memory", wanted=f"outputs within {free} bytes", got=f"{needed} bytes", cure=cure))


def _stream(
    request: Request,
    rehearsal: Rehearsal,
    made: Plan,
    contexts: list[RunContext],
    write: Callable[[Made], None],
    done: int,
    progress: bool,
) -> None:
    keeper = Keeper(*made.keep)
    trials = Trials(request.model, contexts, request.repeats is not None)
    blocks = read_blocks(
        request.stimulus, made.chunk, first=done, offset=request.offset, nan=request.nan, keeper=keeper
    )
    names = tuple(str(name) for name in request.stimulus.dims)
    transfer = transfer_to(request.device, names, request.dtype)
    with recycling(), Progress(request.steps, done, math.prod(request.frame_shape), progress) as bar:
        compute = partial(_compute, request, rehearsal, trials, bar, keeper, transfer)
        stream(transfer.ahead(blocks), compute, lambda made: write(made()))


def _compute(
    request: Request,
    rehearsal: Rehearsal,
    trials: Trials,
    bar: Progress,
    keeper: Keeper,
    transfer: Local,
    block: Block,
) -> Callable[[], Made]:
    """One chunk: cast, compute, take the labels' axes only."""
    axis = request.stimulus.get_axis_num(dims.TIME)
    first, stop = block.first, block.stop(axis)
    shown = block.values.take(0, axis), block.values.take(-1, axis)

    def finish(outputs: Sequence[Mapping[str, Any]], states: Sequence[Mapping[str, torch.Tensor]]) -> Made:
        arrays, tables = rehearsal.values(outputs, first, stop - first)
        return Made(first, stop, arrays, tables, trials.stacked(states), *shown)

    outputs = trials.advance(transfer.show(block), request.dtype)
    made = transfer.fetch(outputs, trials.states(), finish)
    keeper.look()
    bar.step(stop - first)
    return made
