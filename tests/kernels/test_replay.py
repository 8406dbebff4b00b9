"""Steps that are recorded and replayed are as many as were asked for, and the first ones are not recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import pytest
import torch

from convis_xr.kernels.replay import BLOCK, in_blocks


class Recorded:
    """A CUDA graph that keeps what was done while it was recorded."""

    now: Recorded | None = None

    def __init__(self) -> None:
        self.jobs: list[Callable[[], None]] = []

    def replay(self) -> None:
        for job in self.jobs:
            job()


@contextmanager
def recording(graph: Recorded, *, capture_error_mode: str) -> Iterator[None]:
    assert capture_error_mode == "thread_local"
    Recorded.now = graph
    yield
    Recorded.now = None


@pytest.mark.parametrize("steps", [1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK, 5 * BLOCK + 3])
@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_every_step_is_done_once(steps: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a card that is played: what is launched while a graph is recorded is done when that is replayed."""
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Recorded)
    monkeypatch.setattr(torch.cuda, "graph", recording)
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    done, launches = [0], [0]

    def do(n: int) -> None:
        done[0] += n

    def launch(n: int) -> None:
        launches[0] += n
        if Recorded.now is None:
            do(n)
        else:
            Recorded.now.jobs.append(lambda: do(n))

    in_blocks(launch, steps, torch.device(kind))
    assert done[0] == steps
    assert launches[0] == (steps if kind == "cpu" else min(steps, steps % BLOCK or BLOCK) + BLOCK * (steps > BLOCK))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no graphics card")
def test_a_graph_counts_on_the_card() -> None:
    at = torch.zeros((), device="cuda")

    def run(n: int) -> None:
        for _ in range(n):
            at.add_(1)

    in_blocks(run, 5 * BLOCK + 3, at.device)
    assert int(at) == 5 * BLOCK + 3
