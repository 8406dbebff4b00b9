from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convis_xr.kernels.threads import parallel, split


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@given(st.integers(0, 50), st.integers(1, 60))
def test_pieces_are_never_empty_and_cover_everything_evenly(n: int, parts: int) -> None:
    pieces = split(n, parts)
    assert [i for start, stop in pieces for i in range(start, stop)] == list(range(n))
    sizes = [stop - start for start, stop in pieces]
    assert len(pieces) == min(n, parts)
    assert not sizes or (min(sizes) > 0 and max(sizes) - min(sizes) <= 1)


def test_results_come_in_order() -> None:
    assert parallel(lambda i: i * i, range(20)) == [i * i for i in range(20)]


def test_two_pieces_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=20)
    assert sorted(parallel(lambda _: meeting.wait(), [0, 1])) == [0, 1]


def test_one_thread_means_the_callers_own() -> None:
    torch.set_num_threads(1)
    assert parallel(lambda _: threading.get_ident(), [0, 1, 2]) == [threading.get_ident()] * 3


def test_an_exception_comes_through_after_all_calls_have_ended() -> None:
    done = []

    def work(i: int) -> None:
        if i == 0:
            raise ZeroDivisionError("piece 0")
        done.append(i)

    with pytest.raises(ZeroDivisionError, match="piece 0"):
        parallel(work, range(6))
    assert sorted(done) == [1, 2, 3, 4, 5]


def test_nested_work_does_not_wait_for_its_own_pool() -> None:
    assert parallel(lambda i: sum(parallel(lambda j: i * j, range(4))), range(8)) == [6 * i for i in range(8)]


def test_several_threads_may_use_the_pool_at_once() -> None:
    results: dict[int, list[int]] = {}

    def use(k: int) -> None:
        results[k] = parallel(lambda i: i + k, range(50))

    users = [threading.Thread(target=use, args=(k,)) for k in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert results == {k: [i + k for i in range(50)] for k in range(4)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_the_child_of_a_fork_has_a_pool_of_its_own() -> None:
    parallel(lambda i: i, range(4))
    child = os.fork()
    if child == 0:
        os._exit(0 if parallel(lambda i: i, range(4)) == [0, 1, 2, 3] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
