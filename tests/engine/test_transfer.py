"""A chunk's way to a card and back, on a card that is played: copies happen late, when somebody waits for them.

So a copy that nobody waited for is seen by its numbers. On a real card the same runs are made, if there is one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

import convis_xr as cx
from convis_xr.engine import runner, transfer
from convis_xr.engine.request import resolve
from tests.engine.cases import Cells, film


class PlayedStream:
    """Does what it is given as late as it may: when an event on it is waited for."""

    def __init__(self, device: Any = None) -> None:
        self.jobs: deque[Callable[[], object]] = deque()
        self.waited_for: list[Any] = []

    def record_event(self) -> PlayedEvent:
        return PlayedEvent(self, len(self.jobs))

    def wait_event(self, event: PlayedEvent) -> None:
        event.synchronize()

    def wait_stream(self, other: PlayedStream) -> None:
        self.waited_for.append(other)


class PlayedEvent:
    def __init__(self, stream: PlayedStream, jobs: int) -> None:
        self.due = list(stream.jobs)[:jobs]
        self.stream = stream

    def synchronize(self) -> None:
        for job in self.due:
            if job in self.stream.jobs:
                self.stream.jobs.remove(job)
                job()


class Played:
    """What crossed the bus, and on which stream."""

    def __init__(self) -> None:
        self.now = self.computing = PlayedStream()
        self.over: list[torch.dtype] = []
        self.back: list[torch.dtype] = []

    def later(self, source: torch.Tensor) -> torch.Tensor:
        """A tensor that holds nonsense until the copy is done."""
        assert self.now is not self.computing, "a copy would keep the card from computing"
        target = torch.full_like(source, 77)
        self.now.jobs.append(lambda: target.copy_(source))
        return target

    def to_card(self, values: torch.Tensor, device: torch.device) -> torch.Tensor:
        self.over.append(values.dtype)
        return self.later(values)

    def to_host(self, value: torch.Tensor) -> torch.Tensor:
        assert self.computing in self.now.waited_for, "what is copied may not have been computed yet"
        self.back.append(value.dtype)
        return self.later(value)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    card = Played()

    @contextmanager
    def stream(chosen: PlayedStream) -> Iterator[None]:
        before, card.now = card.now, chosen
        yield
        card.now = before

    class Card(transfer.Card):
        """The tensors of the played card are the processor's, so that they look as if they were there already."""

        def _back(self, value: Any) -> Any:
            return card.to_host(value) if isinstance(value, torch.Tensor) else super()._back(value)

    monkeypatch.setattr(torch.cuda, "Stream", PlayedStream)
    monkeypatch.setattr(torch.cuda, "stream", stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: card.computing)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda tensor, stream: None)
    monkeypatch.setattr(transfer, "to_card", card.to_card)
    monkeypatch.setattr(runner, "transfer_to", Card)
    return card


def raw(steps: int = 60) -> xr.DataArray:
    values = np.random.default_rng(0).integers(0, 256, (steps, 5, 6), dtype="u1")
    return cx.as_stimulus(values, dt="1 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 255))


@pytest.mark.parametrize("repeats", [None, 2])
def test_a_run_gives_the_same_in_memory_and_in_a_store(played: Played, tmp_path: Path, repeats: int | None) -> None:
    model, stimulus = Cells(), film()
    options: dict[str, Any] = {"outputs": ["spikes", "current"], "chunk": 7, "repeats": repeats}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "transfer_to", transfer.Local)
        wanted = cx.run(model, stimulus, **options)
    got, stored = cx.run(model, stimulus, **options), cx.run(model, stimulus, **options, store=tmp_path / "r.zarr")
    for result in (got, stored):
        xr.testing.assert_identical(result.load().drop_attrs(), wanted.drop_attrs())
        for path, value in wanted.convis.state.items():
            assert torch.equal(result.convis.state[path], value)
    assert wanted.spikes.any()


def test_film_goes_over_as_bytes_and_spikes_come_back_as_bytes(played: Played) -> None:
    cx.run(Cells(), raw(), outputs=["spikes", "current"], chunk=20)
    assert played.over == [torch.uint8] * 3
    outputs = [dtype for dtype in played.back if dtype in (torch.uint8, torch.float32)]
    assert outputs.count(torch.uint8) == 3
    assert torch.float32 in outputs


def test_bytes_are_not_copied_on_their_way_to_the_bus(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    stimulus, given = raw(), []
    to_card = transfer.to_card
    monkeypatch.setattr(transfer, "to_card", lambda values, device: given.append(values) or to_card(values, device))
    cx.run(Cells(), stimulus, outputs=["current"], chunk=20)
    start, pixels = stimulus.values.ctypes.data, stimulus[0].size
    assert [values.data_ptr() - start for values in given] == [0, 20 * pixels, 40 * pixels]


def test_exact_times_come_back(played: Played) -> None:
    model = cx.spiking.NoisyLIF(seed=1)
    options: dict[str, Any] = {"outputs": ["times"], "chunk": 7}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "transfer_to", transfer.Local)
        wanted = cx.run(model, 400 * film(), **options)
    xr.testing.assert_identical(cx.run(model, 400 * film(), **options).drop_attrs(), wanted.drop_attrs())
    assert wanted.sizes["event"] > 10


def test_a_state_that_the_next_chunk_changes_in_place_is_kept(played: Played) -> None:
    card = runner.transfer_to(torch.device("cuda"), ("time",), torch.float32)
    state = {"sum": torch.ones(3)}
    made = card.fetch([], [state], lambda outputs, states: states[0]["sum"].clone())
    state["sum"] += 1
    assert made().tolist() == [1, 1, 1]


def test_a_state_is_given_to_the_device_of_the_run() -> None:
    model = cx.filters.LowPass(tau="20 ms")
    state = cx.run(model, film()).convis.state
    request = resolve(
        model.to("meta"), film(), outputs=None, start=None, stop=None, device=None, dtype=None, initial=None,
        state=state, seed=None, repeats=None, cells=None, region=None, nan="raise", sampling=None,
    )  # fmt: skip
    assert {value.device.type for value in request.states()[0].values()} == {"meta"}
    assert {value.device.type for value in request.states(state)[0].values()} == {"meta"}


def test_only_cards_have_copies_beside_the_work() -> None:
    assert type(transfer.transfer_to(torch.device("cpu"), ("time",), torch.float32)) is transfer.Local


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no graphics card")
@pytest.mark.parametrize("chunk", [7, 60])
def test_a_card_gives_what_the_processor_gives(chunk: int) -> None:
    wanted = cx.run(Cells(), raw(), outputs=["current"], chunk=chunk)
    got = cx.run(Cells().to("cuda"), raw(), outputs=["current"], chunk=chunk)
    xr.testing.assert_allclose(got.drop_attrs(), wanted.drop_attrs(), rtol=1e-4)
    assert {value.device.type for value in got.convis.state.values()} == {"cpu"}
