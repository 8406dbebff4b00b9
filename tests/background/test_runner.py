from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

import convis_xr as cx

GRID = {"dt": "1 ms", "pixel_size": "0.1 deg", "units": "1"}


def _film(steps: int = 200) -> xr.DataArray:
    return cx.as_stimulus(np.random.default_rng(0).random((steps, 3, 4)), **GRID)


def _until(holds: Any) -> None:
    end = time.monotonic() + 60  # of a loaded machine
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.002)


class Gated(cx.Layer):
    """Waits before every piece until it is let through; the trial of a run, a single frame, passes."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Semaphore(0)
        self.pieces = 0  # that have come to the gate
        self.low = cx.filters.LowPass("5 ms")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[2] > 1:
            self.pieces += 1
            assert self.gate.acquire(timeout=60)
        return self.low(x)


def test_the_response_is_that_of_a_run() -> None:
    film = _film()
    model = cx.models.Retina(input_range=1.0)
    expected = cx.run(model, film, seed=3)
    runner = cx.Runner(model, film, chunk="33 ms", seed=3)
    assert (runner.output, runner.done, runner.progress, runner.running) == (None, 0, 0.0, False)
    result = runner.start().result(60)
    xr.testing.assert_equal(result, expected)
    assert (runner.done, runner.progress, runner.running) == (200, 1.0, False)
    for path, value in expected.convis.state.items():
        assert torch.equal(result.convis.state[path], value)
        assert torch.equal(runner.state[path], value)
    assert model.get_state() == {}


def test_it_can_be_paused_stopped_and_gone_on_with() -> None:
    film, model = _film(100), Gated()
    with cx.Runner(model, film, chunk=10) as runner:
        model.gate.release(3)
        _until(lambda: model.pieces == 4)  # else it could be paused between two pieces
        assert (runner.running, runner.done) == (True, 30)
        waiting = threading.Thread(target=runner.pause)
        waiting.start()
        _until(lambda: runner.paused)
        assert waiting.is_alive()  # a piece is at work
        model.gate.release(1)
        waiting.join(60)
        assert runner.done == 40
        model.gate.release(2)
        time.sleep(0.05)
        assert runner.done == 40
        assert runner.output.sizes["time"] == 40
        with pytest.raises(cx.ContractError, match="join: wanted a runner at work, got a paused one"):
            runner.join()
        assert "paused, 40 of 100 samples" in repr(runner)
        runner.resume()
        _until(lambda: runner.done == 60)
        with pytest.raises(TimeoutError, match="still at work"):
            runner.join(0.01)
        model.gate.release(100)
        runner.stop()
        assert not runner.running
        assert 60 < runner.done <= 100
        result = runner.start().result(60)
    expected = cx.run(cx.filters.LowPass("5 ms"), film)
    np.testing.assert_array_equal(result.response, expected.response)
    np.testing.assert_array_equal(result.time, film.time)
    assert runner.start().result(60).sizes["time"] == 100  # at its end nothing more happens


def test_leaving_the_block_stops_it() -> None:
    with cx.Stream((np.ones((3, 4)) for _ in itertools.count()), **GRID) as stream:
        with cx.Runner(cx.filters.LowPass(), stream, chunk=5, keep=3) as runner:
            _until(lambda: runner.done >= 40)
            assert runner.progress is None
        assert not runner.running
        done = runner.done
        assert runner.output.sizes["time"] == 15
        assert float(runner.output.time[-1]) == pytest.approx((done - 1) * 1e-3)
        with pytest.raises(KeyError, match="mine"), runner:
            raise KeyError("mine")
        assert not runner.running


@pytest.mark.parametrize("ask", ["join", "result", "stop", "start", "pause"])
def test_what_goes_wrong_in_the_thread_is_raised_to_the_caller(ask: str) -> None:
    film = _film()
    film[150, 1, 2] = np.nan
    runner = cx.Runner(cx.filters.LowPass(), film, chunk=40).start()
    _until(lambda: runner._thread is None)
    assert "failed" in repr(runner)
    with pytest.raises(cx.ContractError, match="wanted finite values, got nan"):
        getattr(runner, ask)()
    assert runner.done == 120
    assert runner.output.sizes["time"] == 120
    runner.join()  # told once


def test_errors_of_output_and_source_reach_the_caller() -> None:
    def fails(piece: xr.Dataset) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), cx.Runner(cx.filters.LowPass(), _film(), fails) as runner:
        runner.result(60)

    def source() -> Any:
        yield np.zeros((3, 4))
        raise OSError("cable")

    with cx.Stream(source(), **GRID) as stream, pytest.raises(OSError, match="cable"):
        cx.Runner(cx.filters.LowPass(), stream, chunk=1).start().join(5)


def test_pieces_go_to_a_function_which_may_stop_the_runner() -> None:
    seen: list[xr.Dataset] = []

    def take(piece: xr.Dataset) -> None:
        seen.append(piece)
        if len(seen) == 3:
            runner.stop()

    runner = cx.Runner(cx.filters.LowPass(), _film(), take, chunk=20)
    last = runner.start().result(60)
    expected = cx.run(cx.filters.LowPass(), _film(60))
    np.testing.assert_array_equal(xr.concat(seen, "time").response, expected.response)
    xr.testing.assert_identical(last, seen[-1])


def test_a_store_grows_and_holds_the_state(tmp_path: Path) -> None:
    film, path = _film(105), tmp_path / "response.zarr"
    runner = cx.Runner(cx.models.Retina(input_range=1.0), film, path, chunk=20, outputs=["bipolar", "parvo_on"])
    assert runner.output is None
    result = runner.start().result(30)
    expected = cx.run(cx.models.Retina(input_range=1.0), film, outputs=["bipolar", "parvo_on"])
    xr.testing.assert_equal(result[["bipolar", "parvo_on"]].load(), expected)
    assert result.bipolar.attrs["units"] == expected.bipolar.attrs["units"]
    opened = xr.open_zarr(path)
    for key, value in expected.convis.state.items():
        assert torch.equal(opened.convis.state[key], value)
    with pytest.raises(cx.ContractError, match="output: wanted a path that does not exist"):
        cx.Runner(cx.filters.LowPass(), film, path)


def test_a_given_state_is_gone_on_from() -> None:
    film = _film()
    model = cx.filters.LowPass()
    first = cx.run(model, film, stop=100)
    rest = cx.Runner(model, film[100:], state=first.convis.state).start().result(60)
    np.testing.assert_array_equal(rest.response, cx.run(model, film).response[100:])
    raised = cx.Runner(model, film, initial=2.0, chunk=30).start().result(60)
    np.testing.assert_array_equal(raised.response, cx.run(model, film, initial=2.0).response)


def test_wrong_arguments_are_told() -> None:
    layer, film = cx.filters.LowPass(), _film()
    for arguments, options, told in [
        ((torch.nn.ReLU(), film), {}, "model: wanted"),
        ((layer, np.zeros(3)), {}, "input: wanted a labelled DataArray"),
        ((layer, film, 3), {}, "output: wanted a function"),
        ((layer, film), {"chunk": 0}, "chunk: wanted at least one sample"),
        ((layer, film), {"keep": 0}, "keep: wanted"),
        ((layer, film), {"store": "x"}, "Runner: wanted options among"),
    ]:
        with pytest.raises(cx.ContractError, match=told):
            cx.Runner(*arguments, **options)
    with pytest.raises(cx.ContractError, match="result: wanted a response, got none yet"):
        cx.Runner(layer, film).result()


@pytest.mark.parametrize("outputs", [["magno_on_times"], ["magno_on_times", "magno_on", "parvo_on_times"]])
def test_tables_of_spikes_grow_too(tmp_path: Path, outputs: list[str]) -> None:
    film = cx.stimuli.random_checker("0.1 s", (3, 4), checker_size="0.2 deg", dt="1 ms", pixel_size="0.1 deg", seed=1)
    model = cx.models.Retina("primate", ganglion=["magno_on", "parvo_on"])
    expected = cx.run(model, film, outputs=outputs)
    runner = cx.Runner(model, film, chunk=7, outputs=outputs).start()
    xr.testing.assert_equal(runner.result(60), expected)
    written = cx.Runner(model, film, tmp_path / "spikes.zarr", chunk=7, outputs=outputs).start().result(60)
    xr.testing.assert_equal(written.load(), expected)
    for path, value in expected.convis.state.items():
        assert torch.equal(written.convis.state[path], value)


def test_a_piece_that_went_wrong_comes_again() -> None:
    seen: list[float] = []

    def output(piece: xr.Dataset) -> None:
        if len(seen) == 2 and not failed:
            failed.append(True)
            raise OSError("the disk is full")
        seen.append(float(piece.time[0]))

    failed: list[bool] = []
    runner = cx.Runner(cx.filters.LowPass("5 ms"), _film(50), output, chunk=10).start()
    with pytest.raises(OSError, match="full"):
        runner.join(60)
    assert runner.start().join(60).done == 50
    np.testing.assert_allclose(seen, [0, 0.01, 0.02, 0.03, 0.04])


def test_with_a_goal_it_fits_piece_by_piece() -> None:
    film = _film(400)
    goal = cx.run(cx.filters.LowPass("20 ms"), film).response
    model = cx.filters.LowPass("5 ms")
    model.set_optimizer.LBFGS(max_iter=3)
    with cx.Runner(model, film, goal=goal, chunk=50) as runner:
        response = runner.result(60)
    assert model.tau.value.to("ms").magnitude == pytest.approx(20, rel=1e-3)
    assert len(runner.losses) == 8
    assert runner.losses[-1] < 1e-6 < runner.losses[0]
    # what it answers is what it has come to, on the state that it has carried on
    np.testing.assert_allclose(response.response[-50:], goal[-50:], atol=1e-4)
    assert (runner.done, runner.progress) == (400, 1.0)


def test_options_of_the_fit_reach_it() -> None:
    film = _film(100)
    goal = cx.run(cx.filters.LowPass("20 ms"), film).response
    model = cx.filters.LowPass("5 ms")
    with cx.Runner(model, film, goal=goal, chunk=50, fit={"optimizer": "SGD", "loss": "correlation"}) as runner:
        runner.result(60)
    assert type(model.optimizer).__name__ == "SGD"
    assert 0 < runner.losses[0] < 1


def test_a_goal_that_is_too_short_or_none() -> None:
    film = _film(100)
    model = cx.filters.LowPass("5 ms")
    with pytest.raises(cx.ContractError, match="goal: wanted as many samples as the input has"):
        cx.Runner(model, film, goal=film[:50], chunk=50).start().result(60)
    with pytest.raises(cx.ContractError, match="response: wanted a DataArray"):
        cx.Runner(model, film, goal=3)
