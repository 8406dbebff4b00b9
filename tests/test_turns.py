from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from convis_xr.turns import in_turn, side_by_side


@pytest.fixture(autouse=True, params=[1, 2, 4])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_every_stage_sees_the_blocks_in_order() -> None:
    seen: dict[str, list[int]] = {"a": [], "b": []}

    def work(block: int) -> int:
        for stage, blocks in seen.items():
            with in_turn(stage):
                blocks.append(block)
        return -block

    assert side_by_side(work, range(50), alone=1) == [-block for block in range(50)]
    assert seen == {"a": list(range(50)), "b": list(range(50))}


def test_two_blocks_are_in_different_stages_at_the_same_time(threads: int) -> None:
    meeting = threading.Barrier(min(threads, 2), timeout=20)

    def work(block: int) -> None:
        with in_turn("a"):
            if block == 1:
                meeting.wait()
        with in_turn("b"):
            if block == 0 and threads > 1:
                meeting.wait()

    side_by_side(work, range(2))


def test_a_stage_that_an_earlier_block_leaves_out_is_not_waited_for() -> None:
    def work(block: int) -> None:
        if block:
            with in_turn("a"):
                pass

    side_by_side(work, range(4))


def test_the_earliest_failure_comes_through_and_later_blocks_stop() -> None:
    passed = []

    def work(block: int) -> None:
        with in_turn("a"):
            if block == 2:
                raise ZeroDivisionError("block 2")
        with in_turn("b"):
            passed.append(block)

    with pytest.raises(ZeroDivisionError, match="block 2"):
        side_by_side(work, range(9))
    assert passed == [0, 1]


def test_no_gradient_is_followed_in_any_thread() -> None:
    with torch.no_grad():
        assert side_by_side(lambda _: torch.is_grad_enabled(), range(6)) == [False] * 6
    with torch.inference_mode():
        assert side_by_side(lambda _: torch.is_inference_mode_enabled(), range(6)) == [True] * 6
