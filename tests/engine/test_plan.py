"""Plans: chunks that fit, bytes that are counted, stores whose chunks no two writes share."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.engine.facts import OutputFacts
from convis_xr.engine.plan import MOST_STORED, Plan, Workload, make_plan, needs, stored_chunks
from tests.engine.cases import Cells, film

FRAMES = st.tuples(st.integers(1, 5000), st.integers(1, 5000))


def output(steps: int, height: int, width: int, dtype: str = "float32") -> OutputFacts:
    return OutputFacts("response", ("time", "y", "x"), (steps, height, width), dtype, "1")


def workload(steps: int = 100_000, frame: tuple[int, int] = (100, 100), **facts: Any) -> Workload:
    pixels = math.prod(frame)
    known = {
        "raw_frame": pixels,
        "float_frame": 4 * pixels,
        "source_blocks": None,
        "working_arrays": 10.0,
        "block_bytes": None,
    }
    known |= {
        "outputs": (output(steps, *frame),),
        "tables": (),
        "dt": 0.001,
        "trials": 1,
        "state": 4 * pixels,
        "coords": 0,
    }
    return Workload(steps=steps, **(known | facts))


def planned(work: Workload, memory: int = 2**30, chunk: int | None = None, stored: bool = True) -> Plan:
    return make_plan(work, memory=memory, chunk=chunk, stored=stored, model="LowPass", base=10**8)


@given(memory=st.integers(2**22, 2**32), block=st.none() | st.integers(1, 400), frame=FRAMES)
def test_what_is_planned_fits_into_memory(memory: int, block: int | None, frame: tuple[int, int]) -> None:
    steps = 10_000
    work = workload(steps, frame, source_blocks=None if block is None else (block,) * (steps // block))
    least = sum(needs(work, 1, 0, True).values())
    if least > memory:
        with pytest.raises(cx.ContractError, match="memory: wanted work within"):
            planned(work, memory)
        return
    made = planned(work, memory)
    assert 1 <= made.chunk <= steps
    assert sum(needs(work, made.chunk, 0, True).values()) <= memory
    assert made.peak == 10**8 + sum(made.bytes.values())
    if block is not None and made.chunk >= block and made.chunk < steps:
        assert made.chunk % block == 0


@given(chunk=st.integers(1, 2000), frame=FRAMES, dtype=st.sampled_from(["uint8", "float32", "float64"]))
def test_no_two_writes_meet_in_a_chunk_of_the_store(chunk: int, frame: tuple[int, int], dtype: str) -> None:
    time, y, x = stored_chunks(output(10_000, *frame, dtype), chunk)
    assert chunk % time == 0
    assert 1 <= y <= frame[0]
    assert 1 <= x <= frame[1]
    assert time * y * x * np.dtype(dtype).itemsize <= 2 * MOST_STORED or time == chunk


def test_chunks_of_the_store_are_neither_small_nor_large() -> None:
    assert stored_chunks(output(9000, 100, 100), 400) == (200, 100, 100)
    assert stored_chunks(output(9000, 100, 100, "uint8"), 400) == (400, 100, 100)
    assert stored_chunks(output(9000, 100, 100), 997) == (997, 20, 100)
    assert stored_chunks(OutputFacts("r", ("channel", "time"), (2, 10**6), "float32", "1"), 100) == (2, 100)


def test_long_chunks_do_not_pay() -> None:
    assert planned(workload(), 2**40).chunk == planned(workload(), 2**35).chunk == 416
    assert "no faster" in planned(workload()).reasons["chunk"]


def test_little_memory_makes_short_chunks() -> None:
    made = planned(workload(), 2**25)
    assert made.chunk < 416
    assert "what fits into 32 MiB" in made.reasons["chunk"]


def test_a_block_of_the_source_that_does_not_fit_is_named() -> None:
    with pytest.raises(cx.ContractError, match=r"comes in blocks of 10000 frames.*or shorter blocks"):
        planned(workload(source_blocks=(10_000,) * 10), 2**26)


def test_a_chunk_that_was_asked_for_is_taken() -> None:
    assert planned(workload(), 2**20, chunk=7).chunk == 7
    assert planned(workload(steps=5), 2**20, chunk=7).chunk == 5


def test_a_result_in_memory_counts() -> None:
    work = workload(1000)
    made = planned(work, 2**30, stored=False)
    assert made.bytes["result"] == 1000 * 40_000
    assert made.stored == {}
    with pytest.raises(cx.ContractError, match=r'38\.1 MiB of outputs. Cure: store="response\.zarr"'):
        planned(work, 2**20, stored=False)


def test_json_round_trip() -> None:
    made = cx.plan(Cells(), film(), outputs=["spikes", "current"], store="response.zarr", chunk=7)
    again = Plan.from_json(made.to_json(), made.base)
    assert again == made
    assert again.base == made.base
    assert "base" not in json.loads(made.to_json())
    assert made.at(5).base == 5


def test_a_plan_says_what_will_be_done_and_why() -> None:
    text = repr(cx.plan(Cells(), film(1000), outputs=["spikes"], store="response.zarr", chunk="0.1 s"))
    for part in ("1000 samples in 10 chunks of 100 (as asked for)", "Cells, Footprint(memory=inf", "(100, 5, 6)",
                 "spikes (time: 1000, y: 5, x: 6) uint8 [count]", "peak", "held by the process", "disk"):  # fmt: skip
        assert part in text


def test_a_plan_writes_nothing(tmp_path: Any) -> None:
    cx.plan(cx.filters.LowPass(), film(), store=tmp_path / "response.zarr")
    assert list(tmp_path.iterdir()) == []


def test_disk_need_is_an_upper_bound_of_the_data() -> None:
    made = cx.plan(cx.filters.LowPass(), film(1000), store="x")
    assert made.disk >= film(1000).nbytes


def test_a_model_that_works_in_blocks_needs_no_more_for_longer_chunks() -> None:
    blocks = workload(block_bytes=2**20)
    assert blocks.computed(1) == 1
    assert blocks.computed(10_000) == 2**20 // 40_000
    short, long = (needs(blocks, chunk, 0, stored=True)["computing"] for chunk in (26, 1000))
    assert long - short < 1.25 * blocks.output_frame * 1000  # the parts of the outputs, before they are joined
    assert needs(workload(), 1000, 0, stored=True)["computing"] > 30 * short


def test_what_the_process_has_reached_before_is_no_less_than_the_peak() -> None:
    made = make_plan(workload(), memory=2**30, chunk=10, stored=True, model="LowPass", base=10**8, reached=10**12)
    assert made.peak == 10**12
    assert "reached by it before" in repr(made)
    assert made.at(5) == made
    assert "reached" not in json.loads(made.to_json())
