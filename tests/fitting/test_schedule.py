"""Blocks, and the gradients that flow through them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import convis_xr as cx
from convis_xr.fitting.blocks import Predictor, Reader
from convis_xr.fitting.evaluation import tallies
from convis_xr.fitting.losses import LOSSES, loss_of
from convis_xr.fitting.matching import match
from convis_xr.fitting.schedule import Batch, Schedule

STEPS, SKIPPED = 60, 5


class Model(cx.Layer):
    """Remembers in two ways: a kernel and a decay."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = cx.filters.Conv3d(1, (4, 3, 3))
        self.low = cx.filters.LowPass("30 ms")

    def forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.softplus(self.low(self.conv(x)))

    def footprint(self, sampling: cx.Sampling) -> Any:
        return self.conv.footprint(sampling).then(self.low.footprint(sampling))


def _film(dtype: str = "f8") -> xr.DataArray:
    values = np.random.default_rng(1).random((STEPS + SKIPPED, 3, 4)).astype(dtype)
    return cx.as_stimulus(values, dt="10 ms", pixel_size="0.5 deg", units="1")


def _response(film: xr.DataArray) -> xr.DataArray:
    random = np.random.default_rng(2)
    response = film[SKIPPED:].copy(data=random.poisson(0.6, (STEPS, 3, 4)).astype("f8")).assign_attrs(units="count")
    return response.where(xr.DataArray(random.random(response.shape) < 0.9, dims=response.dims))


def _schedule(model: Model, loss: str, chunk: int, **options: Any) -> Schedule:
    film = _film()
    found = match(model, film, _response(film), output=None, cells=None, counts=True, device=None, dtype=None, seed=0)
    predictor, reader = Predictor(found, loss_of(loss, probability=False)), Reader(found, chunk)
    given = {"batch": Batch(), "burn_in": 0, "horizon": chunk, "seed": 0} | options
    return Schedule(predictor, reader, SKIPPED, SKIPPED + STEPS, **given)


def _gradients(schedule: Schedule, model: Model) -> list[tuple[float, dict[str, Tensor]]]:
    """Loss and gradients of each step of an epoch in which nothing is moved."""
    (tally,) = tallies(schedule.predictor, schedule.reader, [(schedule.first, schedule.stop)])
    made = []
    for work in schedule.epoch(1, tally):
        model.zero_grad()
        loss = float(work.compute())
        made.append((loss, {name: one.grad.clone() for name, one in model.named_parameters()}))
    return made


def _by_torch(model: Model, loss: str) -> tuple[float, dict[str, Tensor]]:
    """The same of the whole, by torch alone."""
    film, kind = _film(), loss_of(loss, probability=False)
    y = torch.from_numpy(_response(film).values).unsqueeze(1)
    model.zero_grad()
    model.clear_state()
    with cx.set_options(dt="10 ms", pixel_size="0.5 deg"):
        prediction = model(torch.from_numpy(film.values)[None, None])[0, 0, SKIPPED:].unsqueeze(1)
    model.clear_state()
    valid = torch.isfinite(y)
    value = kind.value(kind.sums(prediction, torch.where(valid, y, 0), valid))
    value.backward()
    return float(value.detach()), {name: one.grad.clone() for name, one in model.named_parameters()}


def _assert_close(one: dict[str, Tensor], other: dict[str, Tensor], rtol: float = 2e-5) -> None:
    for name, gradient in one.items():
        torch.testing.assert_close(gradient, other[name], rtol=rtol, atol=rtol * float(other[name].abs().max()))


@given(loss=st.sampled_from(["squared_error", "poisson", "correlation"]), chunk=st.integers(1, STEPS + 5))
def test_a_pass_in_blocks_is_the_whole_where_the_horizon_is_infinite(loss: str, chunk: int) -> None:
    model = Model()
    ((value, gradients),) = _gradients(_schedule(model, loss, chunk, batch=Batch(None), horizon=math.inf), model)
    expected, by_torch = _by_torch(model, loss)
    assert value == pytest.approx(expected, rel=1e-6)
    _assert_close(gradients, by_torch)


@given(loss=st.sampled_from(["squared_error", "poisson", "correlation"]), chunk=st.integers(1, 30))
def test_streamed_blocks_are_the_whole_where_the_horizon_reaches_the_start(loss: str, chunk: int) -> None:
    """Block after block is walked back, each from the first on, with one graph at a time."""
    model = Model()
    schedule = _schedule(model, loss, chunk, batch=Batch(None), horizon=STEPS + SKIPPED + chunk)
    ((value, gradients),) = _gradients(schedule, model)
    expected, by_torch = _by_torch(model, loss)
    assert value == pytest.approx(expected, rel=1e-6)
    _assert_close(gradients, by_torch)


@pytest.mark.parametrize("loss", LOSSES[:2])
def test_steps_in_order_see_the_state_that_was_carried(loss: str) -> None:
    """Each step's loss is that of its part of an unbroken run, its samples weigh as many as they are."""
    model = Model()
    steps = [value for value, _ in _gradients(_schedule(model, loss, 7), model)]
    film = _film()
    counts = np.isfinite(_response(film).values).sum((1, 2))
    parts = [counts[low : low + 7].sum() for low in range(0, STEPS, 7)]
    expected, _ = _by_torch(model, loss)
    assert len(steps) == 9
    assert np.average(steps, weights=parts) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("horizon", [20, 40, 80])
def test_a_longer_horizon_comes_closer_to_the_gradient(horizon: int) -> None:
    model = Model()
    _, exact = _by_torch(model, "squared_error")
    errors = []
    for steps in (5, horizon):
        schedule = _schedule(model, "squared_error", 5, batch=Batch(None), horizon=steps)
        _, found = _gradients(schedule, model)[0]
        errors.append(float((found["low.tau"] - exact["low.tau"]).abs()))
    assert errors[1] < 0.5 * errors[0]


@given(blocks=st.integers(1, 5), chunk=st.integers(5, 30), number=st.integers(1, 5))
def test_blocks_in_random_order_are_each_seen_once_and_warmed_up(blocks: int, chunk: int, number: int) -> None:
    model = Model()
    loss = "squared_error"
    schedule = _schedule(model, loss, chunk, batch=Batch(blocks), burn_in=STEPS + SKIPPED)
    seen: list[int] = []
    for work in schedule.epoch(number, tallies(schedule.predictor, schedule.reader, [(SKIPPED, STEPS)])[0]):
        for window in work._windows:
            inside = schedule.predictor.follow(window)
            seen.append(window.block.first)
            in_order = _schedule(model, loss, chunk)
            context = in_order.predictor.context(in_order.predictor.lead(in_order.reader, 0, window.block.first, {}))
            torch.testing.assert_close(inside, in_order.predictor.compare(context, window.block), rtol=1e-6, atol=1e-9)
    assert sorted(seen) == list(range(SKIPPED, SKIPPED + STEPS, chunk))


def test_the_order_is_another_in_each_epoch_and_the_same_for_a_seed() -> None:
    def order(seed: int, number: int) -> list[int]:
        schedule = _schedule(Model(), "squared_error", 5, batch=Batch(1), seed=seed)
        return [work._windows[0].block.first for work in schedule.epoch(number, None)]

    assert order(0, 1) == order(0, 1)
    assert len({tuple(order(*one)) for one in ((0, 1), (0, 2), (1, 1))}) == 3


@pytest.mark.filterwarnings("ignore:no epoch made")  # whether it learns is not what is asked
def test_a_burn_in_of_what_the_model_remembers_is_exact() -> None:
    class Finite(cx.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.conv = cx.filters.Conv3d(1, (4, 3, 3))

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x)

        def footprint(self, sampling: cx.Sampling) -> Any:
            return self.conv.footprint(sampling)

    film, model = _film("f4"), Finite()
    options = {"chunk": 10, "optimizer": lambda p: torch.optim.SGD(p, lr=0.0)}
    one = cx.fit(model, film, _response(film), batch=1, **options)
    other = cx.fit(model, film, _response(film), **options)
    assert '"burn_in": 3' in one.convis_xr_provenance
    np.testing.assert_allclose(np.sort(one.step_loss), np.sort(other.step_loss), rtol=1e-6)


@pytest.mark.filterwarnings("ignore:no epoch made")  # whether it learns is not what is asked
def test_blocks_without_samples_are_passed_over() -> None:
    film, model = _film(), Model()
    response = _response(film)
    response[10:25] = np.nan
    fitted = cx.fit(model, film, response, chunk=5)
    assert fitted.sizes["step"] == STEPS / 5 - 3
    assert np.isfinite(fitted.step_loss).all()
    whole = cx.fit(model, film, response, chunk=5, batch="all")
    assert np.isfinite(whole.step_loss).all()


def test_stimulus_and_response_are_read_in_order_and_once() -> None:
    """Each block of the source once for each pass, and never more than is computed at a time."""
    film, model = _film(), Model()
    response, read = _response(film), []

    def lazily(data: xr.DataArray, size: int, name: str) -> xr.DataArray:
        def note(block: np.ndarray, block_info: Any = None) -> np.ndarray:
            if block_info:
                read.append((name, block_info[0]["array-location"][0][0]))
            return block

        chunked = data.chunk(time=size)
        return chunked.copy(data=chunked.data.map_blocks(note, dtype=data.dtype, meta=np.array((), data.dtype)))

    lazy = lazily(film, 13, "stimulus"), lazily(response, 20, "response")
    fitted = cx.fit(model, *lazy, chunk=13, epochs=1)
    starts = {"stimulus": list(range(0, 65, 13)), "response": [0, 20, 40]}
    for name, expected in starts.items():
        blocks = [at for one, at in read if one == name]
        # before the fit, the pass of the fit, and after it; the first one is looked at beforehand
        assert 3 * len(expected) <= len(blocks) <= 3 * len(expected) + 8, name
    again = Model()
    np.testing.assert_array_equal(cx.fit(again, film, response, chunk=13).loss, fitted.loss)


@pytest.mark.filterwarnings("ignore:no epoch made")  # whether it learns is not what is asked
def test_repeats_drawn_for_each_step() -> None:
    film, model = _film(), Model()
    many = xr.concat([_response(film) * factor for factor in (1.0, 2.0, 3.0)], "repeat").assign_attrs(units="count")
    fitted = cx.fit(model, film, many, chunk=10, batch={"repeat": 2}, optimizer=lambda p: torch.optim.SGD(p, lr=0.0))
    full = cx.fit(model, film, many, chunk=10, optimizer=lambda p: torch.optim.SGD(p, lr=0.0))
    assert fitted.sizes["step"] == full.sizes["step"] == 6
    assert not np.allclose(fitted.step_loss, full.step_loss)
    np.testing.assert_array_equal(fitted.loss, full.loss)


@pytest.mark.parametrize("batch", ["some", 0, -1, True, {"time": 2, "cell": 1}, 1.5])
def test_wrong_batches(batch: Any) -> None:
    with pytest.raises(cx.ContractError, match='batch: wanted a number of blocks, "all", or'):
        Batch.of(batch)
