"""Selections: what is taken of frames, and which cells of a table of events that is."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.selection import Box, Numbers, Pixels, Selection

HEIGHT, WIDTH = 4, 5

boxes = st.builds(
    lambda top, left, height, width: Box(top, left, min(height, HEIGHT - top), min(width, WIDTH - left)),
    st.integers(0, HEIGHT - 1), st.integers(0, WIDTH - 1), st.integers(1, HEIGHT), st.integers(1, WIDTH),
)  # fmt: skip
pixels = st.lists(st.tuples(st.integers(0, HEIGHT - 1), st.integers(0, WIDTH - 1)), min_size=1, max_size=7).map(
    lambda pairs: Pixels(*(tuple(index) for index in zip(*pairs, strict=True)))
)


@given(selection=boxes | pixels, cells=st.lists(st.integers(0, HEIGHT * WIDTH - 1), max_size=9))
def test_places_are_where_the_cells_come_to_lie(selection: Selection, cells: list[int]) -> None:
    taken = selection.take(torch.arange(HEIGHT * WIDTH).view(HEIGHT, WIDTH)).flatten().tolist()
    wanted = sorted(
        (which, place) for which, cell in enumerate(cells) for place in range(len(taken)) if taken[place] == cell
    )
    found = selection.places(torch.tensor(cells, dtype=torch.int64), (HEIGHT, WIDTH))
    assert sorted(zip(*(index.tolist() for index in found), strict=True)) == wanted


@given(selection=boxes | pixels)
def test_the_hull_holds_all_and_no_more(selection: Selection) -> None:
    marked = torch.arange(HEIGHT * WIDTH).view(HEIGHT, WIDTH)
    hull = selection.hull
    assert hull is not None
    inner = selection.moved(-hull.top, -hull.left)
    assert torch.equal(inner.take(hull.take(marked)), selection.take(marked))
    rows = torch.div(selection.take(marked), WIDTH, rounding_mode="floor")
    assert (int(rows.min()), int(rows.max()) + 1) == (hull.top, hull.top + hull.height)


@pytest.mark.parametrize(
    ("radius", "expected"),
    [(0, Box(1, 2, 2, 1)), (0.4, Box(0, 1, 4, 3)), (2, Box(0, 0, 4, 5)), (float("inf"), Box(0, 0, 4, 5))],
)
def test_a_box_grows_as_far_as_the_frame_goes(radius: float, expected: Box) -> None:
    assert Box(1, 2, 2, 1).grown(radius, (HEIGHT, WIDTH)) == expected


def test_frames_have_no_numbers() -> None:
    numbers = Numbers((0, 1))
    assert numbers.moved(3, 4) is numbers
    with pytest.raises(cx.ContractError, match="cells: wanted pixels"):
        numbers.take(torch.zeros(2, 2))
