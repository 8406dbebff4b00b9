from __future__ import annotations

import threading

import pytest
import torch

import convis_xr as cx
from convis_xr.context import InputInfo, is_busy, running


class Memory(cx.Layer):
    """Sums what it has seen; lets two threads meet in the middle of a chunk."""

    def __init__(self, meet: threading.Barrier | None = None) -> None:
        super().__init__()
        self.meet = meet
        self.register_state("total")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        before = torch.zeros_like(x[:, :, :1]) if self.total is None else self.total
        if self.meet is not None:
            self.meet.wait(timeout=10)
        y = before + x.cumsum(2)
        self.total = y[:, :, -1:]
        return y


def test_two_threads_share_a_model_and_nothing_else() -> None:
    model = Memory(threading.Barrier(2))
    results: dict[int, torch.Tensor] = {}

    def work(scale: int) -> None:
        context = model.new_context(InputInfo(cx.Sampling(f"{scale} ms")))
        chunks = [model.advance(context, torch.full((1, 1, 2, 1, 1), float(scale)))["response"] for _ in range(20)]
        results[scale] = torch.cat(chunks, 2).flatten()

    threads = [threading.Thread(target=work, args=(scale,)) for scale in (1, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    for scale in (1, 3):
        assert torch.equal(results[scale], scale * torch.arange(1.0, 41.0))
    assert model.get_state() == {}


def test_a_run_sees_its_own_facts_and_leaves_the_model_alone() -> None:
    seen = []

    class Spy(cx.Layer):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append((self.sampling, self.info.units, self.info.valid_range, self.wanted_outputs))
            return x

    spy = Spy()
    info = InputInfo(cx.Sampling("2 ms"), "cd/m^2", (0.0, 1.0))
    spy.advance(spy.new_context(info, outputs="response"), torch.zeros(1, 1, 1, 1, 1))
    assert seen == [(cx.Sampling("2 ms"), "cd/m^2", (0.0, 1.0), ("response",))]
    assert spy.sampling == cx.Sampling()


def test_a_state_that_was_given_stays() -> None:
    model = Memory()
    given = {"total": torch.ones(1, 1, 1, 1, 1)}
    context = model.new_context(InputInfo(), state=given)
    model.advance(context, torch.ones(1, 1, 3, 1, 1))
    assert float(context.state["total"]) == 4
    assert float(given["total"]) == 1


def test_the_context_is_left_also_by_an_exception() -> None:
    model = Memory()
    context = model.new_context(InputInfo())
    with context.active():
        assert running(model) is context
        assert running(Memory()) is None
    with pytest.raises(RuntimeError, match="inside"), context.active():
        raise RuntimeError("inside")
    assert running(model) is None
    assert not is_busy()


@pytest.mark.parametrize("outputs", ["foo", ["response", "foo"], []])
def test_unknown_outputs(outputs: object) -> None:
    with pytest.raises(cx.ContractError, match="outputs: wanted names among response"):
        Memory().new_context(InputInfo(), outputs=outputs)  # type: ignore[arg-type]


def test_unknown_state() -> None:
    with pytest.raises(cx.ParameterError, match="state: wanted paths among total, got foo"):
        Memory().new_context(InputInfo(), state={"foo": torch.zeros(1)})
