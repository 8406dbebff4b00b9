"""Trials: each is a run of its own, the stimulus is read once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.engine.state import read_state
from tests.engine.cases import Cells, film, tree
from tests.engine.test_store import interrupted, run_into

BOTH = ["current", "spikes"]
TRIALS = 3


def trials(**options: Any) -> xr.Dataset:
    return cx.run(Cells(), film(), outputs=BOTH, **({"repeats": TRIALS} | options))


@pytest.fixture(scope="module")
def whole() -> xr.Dataset:
    return trials(chunk=60)


def test_the_first_trial_is_the_run_without_trials(whole: xr.Dataset) -> None:
    xr.testing.assert_equal(whole.isel(repeat=0, drop=True), cx.run(Cells(), film(), outputs=BOTH))


def test_a_trial_has_the_draws_of_its_number(whole: xr.Dataset) -> None:
    """The oracle is the kernel, told the number of the trial."""
    from convis_xr.kernels.lif import noisy_lif
    from convis_xr.kernels.philox import key_of

    cell = Cells().cell
    for repeat in range(TRIALS):
        current = torch.from_numpy(whole.current.values[repeat])[None, None]
        rest = torch.zeros_like(current[:, :, 0])
        counts, _ = noisy_lif(
            current, (rest, rest), dt=0.001, key=key_of(0, "cell"), repeat=repeat, **cell.constants
        )  # fmt: skip
        np.testing.assert_array_equal(counts[0, 0], whole.spikes[repeat])


def test_trials_differ_in_noise_alone(whole: xr.Dataset) -> None:
    assert whole.spikes.dims == ("repeat", "time", "y", "x")
    assert whole["repeat"].values.tolist() == [0, 1, 2]
    assert whole.spikes.attrs["units"] == "count"
    for one in (1, 2):
        xr.testing.assert_equal(whole.current[0].drop_vars("repeat"), whole.current[one].drop_vars("repeat"))
        assert not np.array_equal(whole.spikes[0], whole.spikes[one])
    assert not np.array_equal(whole.spikes[1], whole.spikes[2])


def test_more_trials_leave_the_first_as_they_are(whole: xr.Dataset) -> None:
    xr.testing.assert_equal(trials(repeats=1), whole.isel(repeat=[0]))
    xr.testing.assert_equal(trials(repeats=2), whole.isel(repeat=[0, 1]))


@given(chunk=st.integers(1, 70), block=st.integers(1, 61))
def test_chunked_equals_whole(whole: xr.Dataset, chunk: int, block: int) -> None:
    made = cx.run(Cells(), film().chunk(time=block), outputs=BOTH, repeats=TRIALS, chunk=chunk)
    xr.testing.assert_identical(made, whole)
    for path, value in read_state(whole).items():
        assert torch.equal(read_state(made)[path], value), path


def test_the_state_has_a_first_axis_of_trials_and_takes_a_run_on(whole: xr.Dataset) -> None:
    alone = read_state(cx.run(Cells(), film(), outputs=BOTH))
    state = read_state(whole)
    assert {path: value.shape for path, value in state.items()} == {
        path: (TRIALS, *value.shape) for path, value in alone.items()
    }
    assert all(torch.equal(state[path][0], value) for path, value in alone.items())
    first = trials(stop=23)
    second = trials(start=23, state=read_state(first), chunk=9)
    xr.testing.assert_equal(xr.concat([first, second], "time"), whole)


def test_each_frame_is_read_once() -> None:
    read: list[int] = []

    def frames(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        read.append(block.shape[0])
        return block

    watched = film().chunk(time=20)
    watched = watched.copy(data=watched.data.map_blocks(frames, dtype="float32", meta=np.empty((0, 0, 0), "f4")))
    read.clear()
    cx.run(Cells(), watched, outputs=BOTH, repeats=TRIALS, chunk=7)
    assert read == [20, 20, 20]


def test_a_module_that_works_in_place_does_not_change_the_next_trial() -> None:
    class Halved(cx.Layer):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mul_(0.5)

    made = cx.run(Halved(), film(), repeats=3)
    for repeat in range(3):
        np.testing.assert_array_equal(made.response[repeat], film() / 2)


def test_batches_and_channels_come_after_trials() -> None:
    values = np.random.default_rng(1).random((2, 3, 20, 4, 5)).astype("f4")
    stimulus = cx.as_stimulus(values * 200, dt="1 ms", pixel_size="0.1 deg", units="Hz")
    made = cx.run(cx.spiking.NoisyLIF(), stimulus, repeats=2, chunk=6)
    assert made.response.dims == ("repeat", "batch", "channel", "time", "y", "x")
    alone = cx.run(cx.spiking.NoisyLIF(), stimulus.isel(batch=[1]), repeats=2)
    np.testing.assert_array_equal(made.response[:, 1], alone.response[:, 0])


@given(call=st.integers(3, 11))
def test_resumed_equals_uninterrupted_byte_by_byte(tmp_path_factory: pytest.TempPathFactory, call: int) -> None:
    folder = tmp_path_factory.mktemp("store")
    run_into(folder / "whole.zarr", repeats=TRIALS)
    interrupted(folder / "part.zarr", call, repeats=TRIALS)
    run_into(folder / "part.zarr", repeats=TRIALS, resume=True)
    assert tree(folder / "part.zarr") == tree(folder / "whole.zarr")
    shutil.rmtree(folder)


def test_a_store_of_other_trials_is_told_apart(tmp_path: Path) -> None:
    trials(store=tmp_path / "r.zarr")
    for repeats in (None, 2):
        with pytest.raises(cx.ResumeError, match=r"repeats \(3 there"):
            trials(repeats=repeats, store=tmp_path / "r.zarr", resume=True)


def test_a_plan_counts_all_trials() -> None:
    alone, many = (
        cx.plan(Cells(), film(200), outputs=BOTH, chunk=20, store="x", repeats=repeats) for repeats in (None, 7)
    )
    assert many.outputs[0].shape == (7, 200, 5, 6)
    data = 200 * 30 * 5
    assert many.disk - alone.disk == 6 * (data + _state(alone)) + 7 * 8  # and the numbers of the trials
    assert many.bytes["outputs on their way"] == pytest.approx(7 * alone.bytes["outputs on their way"], abs=7)
    assert many.bytes["state"] == pytest.approx(7 * alone.bytes["state"], abs=7)
    assert many.bytes["computing"] > alone.bytes["computing"] + 7 * 20 * 30 * 5
    assert cx.plan(Cells(), film(200), outputs=BOTH, repeats=7).bytes["result"] == 7 * data


def _state(plan: Any) -> int:
    alone = read_state(cx.run(Cells(), film(2), outputs=BOTH))
    return sum(value.numel() * value.element_size() for value in alone.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"repeats": 0}, "repeats: wanted a number of trials, 1 or more, got 0"),
        ({"repeats": -1}, "repeats: wanted a number of trials"),
        ({"repeats": 2.0}, "repeats: wanted a number of trials"),
        ({"repeats": True}, "repeats: wanted a number of trials"),
        ({"state": {"low.low_pass": torch.zeros(1, 1, 5, 6)}}, r"wanted a first axis of 3 trials, got shape \(1, 1,"),
        ({"state": {"low.low_pass": torch.zeros(3, 5, 6)}}, r"wanted shape \(1, 1, 5, 6\), torch.float32"),
        ({"state": {"cell.step": torch.tensor(3)}}, r"first axis of 3 trials, got shape \(\)"),
    ],
)
def test_what_cannot_be_is_said(options: dict[str, Any], message: str) -> None:
    with pytest.raises(cx.ContractError, match=message):
        trials(**options)


def test_a_state_of_trials_is_no_state_of_a_run(whole: xr.Dataset) -> None:
    with pytest.raises(cx.ContractError, match=r"got shape \(3, 1, 1, 5, 6\)"):
        cx.run(Cells(), film(), state=read_state(whole))


def test_a_layer_holds_one_state() -> None:
    with pytest.raises(cx.ContractError, match=r"carry: wanted one trial.*repeats=2"):
        Cells().run(film(), carry=True, repeats=2)
