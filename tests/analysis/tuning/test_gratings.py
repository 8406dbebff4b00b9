"""Tuning of filters whose transfer function is known, and what must not matter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import convis_xr as cx
from convis_xr.analysis.tuning import harmonics

GRID: dict[str, Any] = {"dt": "5 ms", "pixel_size": "0.1 deg"}
MEAN, CONTRAST = 0.5, 0.5


def gabor(size: int = 21) -> np.ndarray:
    """A patch that prefers 1 cycle/deg along 30 degrees; row 0 on top."""
    at = 0.1 * (np.arange(size) - size // 2)
    y, x = -at[:, None], at[None, :]
    along = x * np.cos(np.pi / 6) + y * np.sin(np.pi / 6)
    return np.exp(-(x**2 + y**2) / (2 * 0.4**2)) * np.cos(2 * np.pi * along)


def transfer(kernel: np.ndarray, frequency: float, degrees: float) -> complex:
    """Of an impulse response (y, x): its sum with a plane wave."""
    size = len(kernel)
    at = 0.1 * (np.arange(size) - size // 2)
    y, x = -at[:, None], at[None, :]
    along = x * np.cos(np.deg2rad(degrees)) + y * np.sin(np.deg2rad(degrees))
    return complex((kernel * np.exp(-2j * np.pi * frequency * along)).sum())


def filter_of(kernel: np.ndarray) -> Any:
    made = cx.filters.Conv2d(1, (1, *kernel.shape), bias=False)
    made.set_weight(kernel[None])
    return made


def middle(tree: xr.DataTree, name: str = "F1") -> xr.DataArray:
    return tree[f"response/{name}"].squeeze("cell")


SHOWN = {**GRID, "size": 41, "cells": [(20, 20)], "settle": 0, "dtype": "float64"}


def test_a_gabor_has_the_tuning_of_its_transfer_function() -> None:
    kernel = gabor()
    tree = cx.analysis.direction_tuning(
        filter_of(kernel), spatial_frequency="1 cycle/deg", temporal_frequency="4 Hz", cycles=2, **SHOWN
    )
    curve = middle(tree)
    assert curve.direction.attrs["units"] == "degree"
    wanted = [MEAN * CONTRAST * abs(transfer(kernel, 1.0, degrees)) for degrees in curve.direction.values]
    np.testing.assert_allclose(curve, wanted, rtol=2e-6)
    best = float(middle(tree, "preferred_direction"))
    assert best in (30.0, 210.0)
    assert float(middle(tree, "DSI")) == pytest.approx(0, abs=1e-6)  # still: it tells no direction
    angle = np.deg2rad(curve.direction.values)
    assert float(middle(tree, "OSI")) == pytest.approx(abs((wanted * np.exp(2j * angle)).sum()) / sum(wanted), rel=1e-5)
    np.testing.assert_allclose(middle(tree, "F0"), MEAN * kernel.sum(), atol=1e-6)
    np.testing.assert_allclose(middle(tree, "rest"), MEAN * kernel.sum(), atol=1e-6)


def test_spatial_frequency_bandwidth_and_phase() -> None:
    kernel = gabor()
    frequencies = np.arange(0.0, 2.1, 0.1)
    values = cx.units.Quantity(frequencies, "1/degree")
    tree = cx.analysis.spatial_frequency_tuning(
        filter_of(kernel), values, temporal_frequency="4 Hz", direction="30 deg", cycles=1, **SHOWN
    )
    wanted = np.array([MEAN * CONTRAST * transfer(kernel, f, 30.0) for f in frequencies])
    np.testing.assert_allclose(middle(tree), abs(wanted), rtol=2e-6, atol=1e-7)
    # the wave goes along: cos(2 pi (f u - w t)) at u = 0 falls behind by what the filter does to it
    phase = np.deg2rad(middle(tree, "F1_phase"))
    strong = abs(wanted) > 0.1 * abs(wanted).max()
    np.testing.assert_allclose(np.exp(1j * phase)[strong], np.exp(-1j * np.angle(wanted))[strong], atol=2e-4)
    assert float(middle(tree, "preferred_spatial_frequency")) == pytest.approx(1.0)
    # exp(-(f - 1)^2 / (2 s^2)), s = 1 / (2 pi 0.4): half of it at 1 -+ s sqrt(2 ln 2)
    half = np.sqrt(2 * np.log(2)) / (2 * np.pi * 0.4)
    assert float(middle(tree, "bandwidth")) == pytest.approx(np.log2((1 + half) / (1 - half)), abs=0.05)


@pytest.mark.parametrize("tau", [0.01, 0.04])
def test_a_low_pass_has_its_gain_and_lag(tau: float) -> None:
    frequencies = np.array([0.7, 2.0, 5.0, 11.0, 23.0])
    tree = cx.analysis.temporal_frequency_tuning(
        cx.filters.LowPass(f"{tau} s"), cx.units.Quantity(frequencies, "Hz"), spatial_frequency="0 cycle/deg",
        size=1, dt="1 ms", pixel_size="0.1 deg", settle="0.6 s", dtype="float64",
    )  # fmt: skip
    curve = tree["response/F1"].squeeze(("y", "x"))
    assert curve.temporal_frequency.attrs["units"] == "Hz"
    decay, turn = np.exp(-0.001 / tau), np.exp(-2j * np.pi * frequencies * 0.001)
    exact = (1 - decay) / (1 - decay * turn)
    np.testing.assert_allclose(curve, 0.25 * abs(exact), rtol=2e-6)
    continuous = 1 / np.sqrt(1 + (2 * np.pi * frequencies * tau) ** 2)
    np.testing.assert_allclose(curve / 0.25, continuous, rtol=0.01)  # 1 ms beside tau
    phase = np.exp(1j * np.deg2rad(tree["response/F1_phase"].squeeze(("y", "x"))))
    np.testing.assert_allclose(phase, np.exp(1j * np.angle(exact)), atol=1e-5)


def test_settling_is_left_out_and_runs_begin_at_rest() -> None:
    slow = cx.filters.LowPass("0.3 s")
    kinds = {"spatial_frequency": "0 cycle/deg", "temporal_frequency": "4 Hz", "size": 1, "cycles": 4, **GRID}
    early, late = (
        cx.analysis.contrast_response(slow, [0.2, 1.0], settle=settle, **kinds)["response"] for settle in (0, "4 s")
    )
    np.testing.assert_allclose(late.F0, 0.5, rtol=1e-5)
    np.testing.assert_allclose(late.rest, 0.5, rtol=1e-6)
    np.testing.assert_allclose(early.rest, 0.5, rtol=1e-6)
    assert (abs(early.F0 - 0.5).max() > 100 * abs(late.F0 - 0.5).max()).all()
    np.testing.assert_allclose(late.F1[1] / late.F1[0], 5.0, rtol=1e-5)
    np.testing.assert_allclose(late.c50, 0.5, rtol=1e-5)


def test_size_tuning_of_a_difference_of_gaussians() -> None:
    at = 0.1 * (np.arange(31) - 15)
    square = at[:, None] ** 2 + at[None, :] ** 2
    centre, surround = (np.exp(-square / (2 * s**2)) / (2 * np.pi * s**2) * 0.01 for s in (0.2, 0.6))
    kernel = centre - 0.8 * surround
    diameters = [f"{d:.1f} deg" for d in np.arange(0.3, 3.0, 0.4)]
    tree = cx.analysis.size_tuning(
        filter_of(kernel), diameters, spatial_frequency="0 cycle/deg", temporal_frequency="4 Hz", cycles=1, **SHOWN
    )
    curve = middle(tree)
    inside = [np.hypot(at[:, None], at[None, :]).round(9) <= d / 2 + 1e-9 for d in curve.diameter.values]
    wanted = np.array([MEAN * CONTRAST * abs(kernel[mask].sum()) for mask in inside])
    np.testing.assert_allclose(curve, wanted, rtol=1e-5)
    assert float(middle(tree, "preferred_diameter")) == pytest.approx(float(curve.diameter[wanted.argmax()]))
    assert float(middle(tree, "suppression")) == pytest.approx(1 - wanted[-1] / wanted.max(), rel=1e-4)
    assert 0.2 < float(middle(tree, "suppression")) < 1


def test_a_motion_detector_has_a_direction() -> None:
    """A space-time filter that is not separable: two places a quarter cycle apart, the first later by a quarter."""
    weight = np.zeros((11, 1, 11))
    weight[10, 0, 5 - 2], weight[0, 0, 5] = 1.0, 1.0  # 0.2 deg to the left, 50 ms ago
    cell = cx.filters.RF(1, (11, 1, 11), bias=False)
    cell.set_weight(weight)
    tree = cx.analysis.direction_tuning(
        cell, ["0 deg", "90 deg", "180 deg", "270 deg"], spatial_frequency="1.25 cycle/deg",
        temporal_frequency="5 Hz", size=(1, 11), settle="0.2 s", **GRID,
    )  # fmt: skip
    curves = tree["response"].to_dataset().squeeze(drop=True)
    # 0.2 deg is a quarter cycle, and so are 50 ms: rightward both meet, leftward they are half a cycle apart
    np.testing.assert_allclose(curves.F1.sel(direction=[0.0, 180.0]), [0.5, 0.0], atol=1e-5)
    assert float(curves.preferred_direction) == 0.0
    across = 0.25 * np.sqrt(2)
    assert float(curves.DSI) == pytest.approx(0.5 / (0.5 + 2 * across), rel=1e-4)


def test_a_retina_has_no_direction() -> None:
    retina = cx.models.Retina("primate", ganglion=["parvo_on"])
    tree = cx.analysis.direction_tuning(
        retina, [f"{d} deg" for d in range(0, 360, 45)], spatial_frequency="2 cycle/deg", temporal_frequency="5 Hz",
        size=41, cells=[(20, 20)], outputs=["parvo_on_current", "opl"], cycles=1, settle="0.3 s", contrast=0.3,
        dt="5 ms", pixel_size="0.05 deg",
    )  # fmt: skip
    assert set(tree.children) == {"parvo_on_current", "opl"}
    assert tree["parvo_on_current/DSI"].item() < 1e-3
    assert tree["opl/OSI"].item() < 0.05  # squares in a disc: pixels
    assert tree["parvo_on_current/F1"].attrs["units"] == "Hz"
    assert float(tree["parvo_on_current/F1"].min()) > 5


def test_spikes_are_rates_and_trials_are_averaged() -> None:
    poisson = cx.spiking.Poisson()
    kinds = {"spatial_frequency": "0 cycle/deg", "temporal_frequency": "4 Hz", "size": (8, 8), **GRID}
    scaled = cx.filters.Conv1d(1, (1, 1, 1), bias=False)
    scaled.set_weight(np.full((1, 1, 1), 100.0))

    class Cell(cx.Layer):
        units_out = "count"

        def __init__(self) -> None:
            super().__init__()
            self.gain, self.spikes = scaled, poisson

        def forward(self, x: Any) -> Any:
            return self.spikes(self.gain(x))

    tree = cx.analysis.contrast_response(Cell(), [0.5], repeats=10, seed=1, settle=0, **kinds)
    assert tree["response/F0"].attrs["units"] == "Hz"
    assert float(tree["response/F0"].mean()) == pytest.approx(50, rel=0.02)
    assert float(tree["response/F1"].mean()) == pytest.approx(25, rel=0.1)
    assert float(tree["response/rest"].mean()) == pytest.approx(50, rel=0.02)


def test_pieces_and_batches_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    retina = cx.models.Retina("primate", ganglion=["parvo_on"])
    kinds = {"spatial_frequency": "1 cycle/deg", "temporal_frequency": "7 Hz", "size": 6, "cycles": 1, "dt": "5 ms",
             "pixel_size": "0.1 deg", "settle": "60 ms", "contrast": 0.3, "outputs": ["parvo_on_current", "parvo_on"],
             "repeats": 2}  # fmt: skip
    whole = cx.analysis.direction_tuning(retina, ["0 deg", "90 deg", "180 deg", "270 deg"], **kinds)
    for name, value in (("BATCH_VALUES", 80), ("PIECE_BYTES", 21 * 2 * 2 * 36 * 5), ("STIMULUS_BYTES", 1000)):
        monkeypatch.setattr(harmonics, name, value)
    runs: list[tuple[int, int]] = []
    run = harmonics.run

    def watched(*arguments: Any, **options: Any) -> Any:
        result = run(*arguments, **options)
        runs.append((result.sizes["batch"], result.sizes["time"]))
        return result

    monkeypatch.setattr(harmonics, "run", watched)
    pieces = cx.analysis.direction_tuning(retina, ["0 deg", "90 deg", "180 deg", "270 deg"], **kinds)
    assert {batch for batch, _ in runs} == {2, 1}
    assert max(batch * steps for batch, steps in runs) == 42  # of 12 steps of 60 ms, and 29 of a cycle
    for output in whole.children:
        for name in ("F0", "F1", "rest"):
            np.testing.assert_allclose(pieces[output][name], whole[output][name], rtol=1e-5, atol=1e-5)


def test_luminance_in_its_own_unit() -> None:
    tree = cx.analysis.contrast_response(
        cx.filters.LowPass("5 ms"), [0.5], spatial_frequency="0 cycle/deg", temporal_frequency="1 Hz", size=1,
        mean="100 cd/m^2", units="cd/m^2", settle="0.2 s", cycles=1, **GRID,
    )  # fmt: skip
    assert float(tree["response/F0"].squeeze()) == pytest.approx(100, rel=1e-3)
    assert float(tree["response/F1"].squeeze()) == pytest.approx(50, rel=1e-2)
    assert tree["response/F1"].attrs["units"] == "cd/m^2"
