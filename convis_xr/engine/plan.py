"""What a run will do, decided before it begins: chunk lengths, bytes, the layout of the store.

Pure: it reads no data and no clock.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from convis_xr import dims
from convis_xr.engine.facts import OutputFacts, TableFacts
from convis_xr.engine.memory import shown_bytes
from convis_xr.engine.stream import DEPTH
from convis_xr.errors import ContractError, explain

#: bytes of computed input in a chunk; longer chunks are no faster, take more memory, and longer to begin and to end
LARGEST_CHUNK = 2**24
#: bytes of one chunk of the store, uncompressed
LEAST_STORED, MOST_STORED = 2**20, 2**23
#: bytes that threads, caches and the allocator take beside what is counted
OVERHEAD = 3 * 2**24
#: what a freed block leaves behind in the allocator, at most
SLACK = 1.2
#: copies of what is read at a time: the last one and the next, as it is stored, decoded and joined, and what the
#: allocator keeps of that for each of the threads that take part (measured)
READING = 6
#: bytes of a store's metadata
METADATA = 2**16
#: how many spikes are reckoned with, Hz for each cell: nobody knows before
RATE = 100.0


@dataclass(frozen=True)
class Workload:
    """What the planner must know of a stimulus and a model."""

    steps: int
    #: bytes of one stimulus frame as it is read
    raw_frame: int
    #: bytes of one stimulus frame as it is computed with
    float_frame: int
    #: lengths in time of the blocks that the stimulus comes in
    source_blocks: tuple[int, ...] | None
    #: arrays as large as the input that are alive while the model computes
    working_arrays: float
    #: bytes of input that the model computes at a time, None where it takes a chunk as it comes
    block_bytes: int | None
    outputs: tuple[OutputFacts, ...]
    tables: tuple[TableFacts, ...]
    #: time step, s, where it is known
    dt: float
    #: number of trials
    trials: int
    #: bytes of the state that is carried, of all trials
    state: int
    #: bytes of coordinates that are written
    coords: int

    @property
    def output_frame(self) -> int:
        """Bytes of one time step of all outputs, with as many events as `RATE` reckons."""
        events = sum(table.cells * table.row_bytes for table in self.tables) * RATE * self.dt
        return sum(output.frame_bytes for output in self.outputs) + math.ceil(events)

    @property
    def disk(self) -> int:
        """Bytes that a store takes at most, with as many events as `RATE` reckons."""
        arrays = len(self.outputs) + sum(len(table.columns) for table in self.tables)
        return self.output_frame * self.steps + self.coords + self.state + METADATA * (1 + arrays)

    def computed(self, chunk: int) -> int:
        """Samples of a chunk that are computed at a time."""
        return chunk if self.block_bytes is None else min(chunk, max(1, self.block_bytes // self.float_frame))

    @property
    def source_block(self) -> int:
        """Samples in the longest block that the stimulus comes in, 0 where any part is read alike."""
        return max(self.source_blocks or (0,))


@dataclass(frozen=True)
class Plan:
    """How a run is cut and what it needs; print it.

    ``chunk`` samples are computed at a time; ``stored`` tells the chunks of every output in the store, and is empty for
    a result in memory.
    """

    steps: int
    chunk: int
    outputs: tuple[OutputFacts, ...]
    tables: tuple[TableFacts, ...]
    stored: dict[str, tuple[int, ...]]
    #: bytes, by what they are for
    bytes: dict[str, int]
    #: bytes that the store will take at most
    disk: int
    #: why it is so
    reasons: dict[str, str]
    #: bytes that the process holds before it starts
    base: int = field(default=0, compare=False)
    #: bytes that it has held at most so far: compiling takes some hundred MiB for a while
    reached: int = field(default=0, compare=False)

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return math.ceil(self.steps / self.chunk)

    @property
    def peak(self) -> int:
        """Memory of the whole process that will not be exceeded, bytes."""
        return max(self.base + sum(self.bytes.values()), self.reached)

    @property
    def keep(self) -> tuple[int, int]:
        """From how many bytes of the whole process on freed memory is given back, and how much it may then grow."""
        result = self.bytes.get("result", 0)
        working = sum(self.bytes.values()) - result - OVERHEAD
        return self.base + result + working // 8, working // 16

    def to_json(self) -> str:
        """As text; what belongs to this process (``base``, ``reached``) is left out."""
        table = asdict(self)
        del table["base"], table["reached"]
        return json.dumps(table, sort_keys=True)

    @classmethod
    def from_json(cls, text: str, base: int = 0) -> Plan:
        """What `to_json` wrote."""
        table = json.loads(text)
        outputs = tuple(OutputFacts.of(row) for row in table.pop("outputs"))
        tables = tuple(TableFacts.of(row) for row in table.pop("tables"))
        stored = {name: tuple(chunks) for name, chunks in table.pop("stored").items()}
        return cls(outputs=outputs, tables=tables, stored=stored, base=base, **table)

    def at(self, base: int) -> Plan:
        """The same plan for a process that holds ``base`` bytes already."""
        return replace(self, base=base)

    def __repr__(self) -> str:
        rows = [f"Plan: {self.steps} samples in {self.chunks} chunks of {self.chunk} ({self.reasons['chunk']})"]
        rows += [f"  model     {self.reasons['model']}"]
        for output in self.outputs:
            sizes = ", ".join(f"{name}: {size}" for name, size in zip(output.dims, output.shape, strict=True))
            chunks = f", chunks {self.stored[output.name]}" if self.stored else ""
            rows.append(f"  output    {output.name} ({sizes}) {output.dtype} [{output.units}]{chunks}")
        for table in self.tables:
            columns = ", ".join(name for name, _ in table.columns[1:])
            rows.append(f"  events    {table.name} ({table.dim}) with {columns}; {RATE:g} Hz a cell are reckoned")
        rows += [f"  memory    {shown_bytes(count):>9}  {what}" for what, count in self.bytes.items()]
        rows += [f"            {shown_bytes(self.base):>9}  held by the process already"]
        if self.reached > self.base + sum(self.bytes.values()):
            rows += [f"            {shown_bytes(self.reached):>9}  reached by it before, in compiling for instance"]
        rows += [f"  peak      {shown_bytes(self.peak):>9}  of the whole process"]
        if self.stored:
            rows.append(f"  disk      {shown_bytes(self.disk):>9}  before compression")
        return "\n".join(rows)


def make_plan(
    work: Workload, *, memory: int, chunk: int | None, stored: bool, model: str, base: int, reached: int = 0
) -> Plan:
    """Decide.

    Parameters
    ----------
    work : Workload
    memory : int
        Bytes that the run may take beside what the process holds (and beside `OVERHEAD`).
    chunk : int, optional
        Samples in a chunk; by default as many as ``memory`` allows and as pay.
    stored : bool
        Whether the result goes to a store.
    model : str
        What the model declares of itself, to be shown.
    base, reached : int
        Bytes that the process holds, and has held at most.

    Raises
    ------
    ContractError
        ``memory`` is too small for a single sample, or for a result that is to be held in memory.
    """
    result = 0 if stored else work.output_frame * work.steps
    if result > memory:
        got = f"{shown_bytes(result)} of outputs"
        cure = f'store="response.zarr", or set_options(memory="{shown_bytes(1.5 * result)}")'
        raise ContractError(explain("memory", wanted=f"outputs within {shown_bytes(memory)}", got=got, cure=cure))
    length, why = (_chunk(work, memory, result, stored)) if chunk is None else (min(chunk, work.steps), "as asked for")
    layout = {output.name: stored_chunks(output, length) for output in work.outputs} if stored else {}
    return Plan(
        steps=work.steps,
        chunk=length,
        outputs=work.outputs,
        tables=work.tables,
        stored=layout,
        bytes=needs(work, length, result, stored) | {"libraries and threads": OVERHEAD},
        disk=work.disk,
        reasons={"chunk": why, "model": model},
        base=base,
        reached=reached,
    )


def needs(work: Workload, chunk: int, result: int, stored: bool) -> dict[str, int]:
    """Bytes that a run takes, by purpose, with chunks of so many samples."""
    reading = max(chunk, work.source_block)
    ahead = work.raw_frame * ((DEPTH + 1) * chunk + READING * reading)
    behind = work.output_frame * chunk * (DEPTH + 2) if stored else work.output_frame * chunk
    computed = work.computed(chunk)
    # the parts of a chunk before they are joined; trials are computed one after the other, and then put together
    parts = 0 if computed == chunk else math.ceil(work.output_frame / work.trials) * chunk
    parts += work.output_frame * chunk if work.trials > 1 else 0
    parts += work.float_frame * chunk if work.trials > 1 else 0  # each trial is shown a copy
    table = {
        "stimulus, as it is read": ahead,
        "computing": work.float_frame * work.working_arrays * computed + parts,
        "outputs on their way": behind,
        "state": work.state * (DEPTH + 3),
        "coordinates": 3 * work.coords,
    }
    return {name: int(SLACK * count) for name, count in table.items()} | ({} if stored else {"result": result})


def stored_chunks(output: OutputFacts, chunk: int) -> tuple[int, ...]:
    """Chunks of an output in the store: in time a run's chunk or an even part of it, so that no two writes meet in one.

    Examples
    --------
    >>> stored_chunks(OutputFacts("v", ("time", "y", "x"), (9000, 100, 100), "float32", "1"), 400)
    (200, 100, 100)
    >>> stored_chunks(OutputFacts("v", ("time", "y", "x"), (9000, 4000, 4000), "uint8", "1"), 2)
    (2, 1000, 4000)
    """
    fits = (part for part in range(chunk, 0, -1) if chunk % part == 0 and part * output.frame_bytes <= MOST_STORED)
    length = next(fits, 0)
    sizes = dict(zip(output.dims, output.shape, strict=True))
    if length == chunk or length * output.frame_bytes >= LEAST_STORED:
        return tuple((sizes | {dims.TIME: length})[name] for name in output.dims)
    sizes[dims.TIME] = chunk
    itemsize = np.dtype(output.dtype).itemsize
    for name in output.dims:
        if name != dims.TIME:
            parts = math.ceil(math.prod(sizes.values()) * itemsize / MOST_STORED)
            sizes[name] = math.ceil(sizes[name] / parts)
    return tuple(sizes[name] for name in output.dims)


def _chunk(work: Workload, memory: int, result: int, stored: bool) -> tuple[int, str]:
    """Length of a chunk, and why."""
    least = sum(needs(work, 1, result, stored).values())
    if least > memory:
        block = f" (the stimulus comes in blocks of {work.source_block} frames)" if work.source_block > 1 else ""
        got = f"{shown_bytes(least)} for a chunk of one sample{block}"
        cure = f'memory="{shown_bytes(1.1 * least)}"' + (
            ", or shorter blocks (chunk= of open_stimulus and of the generators)" if block else ""
        )
        raise ContractError(explain("memory", wanted=f"work within {shown_bytes(memory)}", got=got, cure=cure))
    paying = max(1, LARGEST_CHUNK // work.float_frame)
    fitting = _most(lambda chunk: sum(needs(work, chunk, result, stored).values()) <= memory, min(paying, work.steps))
    why = "longer ones are no faster" if fitting == paying else f"what fits into {shown_bytes(memory)}"
    if fitting == work.steps:
        return fitting, "the whole"
    if 1 < work.source_block <= fitting:
        return fitting - fitting % work.source_block, f"{why}; whole blocks of the stimulus"
    return fitting - fitting % 8 if fitting > 8 else fitting, why


def _most(fits: Any, limit: int) -> int:
    """The greatest number up to ``limit`` that fits; 1 does."""
    low, high = 1, limit + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
