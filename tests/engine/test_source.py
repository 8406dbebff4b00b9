"""Every block of the source is read once, in order, whatever the chunks of the run."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.engine.source import read_blocks, read_frame, segments, source_blocks
from tests.engine.cases import film

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=8).map(tuple)


def counted(lengths: tuple[int, ...]) -> tuple[xr.DataArray, list[int]]:
    """A film in blocks of these lengths, and a list of the first samples of those that were read."""
    values = np.arange(sum(lengths), dtype="f4")[:, None, None] + np.zeros((1, 2, 3), "f4")
    read: list[int] = []

    def look(block: np.ndarray) -> np.ndarray:
        read.append(int(block[0, 0, 0]))
        return block

    array = da.from_array(values, chunks=(lengths, 2, 3)).map_blocks(look, meta=np.empty((0, 0, 0), "f4"))
    return cx.as_stimulus(array, dt="1 ms", pixel_size="0.1 deg", units="1"), read


@given(lengths=LENGTHS, chunk=st.integers(1, 30), data=st.data())
def test_blocks_are_cut_anew_and_read_once(lengths: tuple[int, ...], chunk: int, data: st.DataObject) -> None:
    stimulus, read = counted(lengths)
    steps = sum(lengths)
    first = data.draw(st.integers(0, steps - 1))
    read.clear()
    blocks = list(read_blocks(stimulus, chunk, first=first, nan="raise"))
    assert [block.first for block in blocks] == list(range(first, steps, chunk))
    assert all(len(block.values) == chunk for block in blocks[:-1])
    samples = np.concatenate([block.values[:, 1, 2] for block in blocks])
    assert samples.tolist() == list(range(first, steps))
    starts = np.cumsum((0, *lengths))
    assert len(read) == sum(1 for end in starts[1:] if end > first)


@given(lengths=st.none() | LENGTHS, chunk=st.integers(1, 30), data=st.data())
def test_segments_cover_all_and_are_no_longer_than_they_must(
    lengths: tuple[int, ...] | None, chunk: int, data: st.DataObject
) -> None:
    steps = sum(lengths) if lengths else data.draw(st.integers(1, 60))
    first = data.draw(st.integers(0, steps - 1))
    found = list(segments(lengths, steps, chunk, first))
    assert [low for low, _ in found] == [first, *(high for _, high in found[:-1])]
    assert found[-1][1] == steps
    assert max(high - low for low, high in found) <= max(chunk, *(lengths or (0,)))


def test_only_what_is_asked_for_is_read() -> None:
    stimulus, read = counted((10,) * 10)
    read.clear()
    cx.run(cx.filters.LowPass(), stimulus, start=35, stop=52, chunk=4)
    # of the first block that is touched only a part is asked for
    assert len(read) == 3


def test_making_a_plan_reads_nothing() -> None:
    stimulus, read = counted((10,) * 10)
    read.clear()
    cx.plan(cx.filters.LowPass(), stimulus, chunk=3)
    assert read == []


def test_blocks_in_time_are_told_of_dask_arrays_only() -> None:
    assert source_blocks(film(60)) is None
    assert source_blocks(film(60).chunk(time=25)) == (25, 25, 10)


def test_a_source_that_lies_about_its_shape_is_found_out() -> None:
    array = da.from_array(np.zeros((8, 2, 3), "f4"), chunks=(4, 2, 3))
    short = array.map_blocks(lambda block: block[:2], meta=np.empty((0, 0, 0), "f4"))
    stimulus = cx.as_stimulus(short, dt="1 ms", pixel_size="0.1 deg", units="1")
    with pytest.raises(cx.ContractError, match=r"wanted a block \(4, 2, 3\), got \(2, 2, 3\)"):
        list(read_blocks(stimulus, 4, nan="raise"))


def test_one_frame() -> None:
    np.testing.assert_array_equal(read_frame(film().chunk(time=7), 9), film()[9])
