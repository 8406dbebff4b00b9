"""Flashes and the chirp, on filters whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import convis_xr as cx

GRID: dict[str, Any] = {"dt": "1 ms", "pixel_size": "0.1 deg"}


def test_a_low_pass_charges() -> None:
    tree = cx.analysis.flash_response(cx.filters.LowPass("50 ms"), "0.2 s", size=1, **GRID)
    found = tree["response"].to_dataset().squeeze(("y", "x"))
    assert (found.response.time[0], found.response.sizes["time"]) == (pytest.approx(-0.2), 900)
    charged = 0.5 * (1 - np.exp(-(np.arange(200) + 1) / 50))
    np.testing.assert_allclose(found.response.sel(time=slice(-1e-6, 0.1995)) - 0.5, charged, atol=1e-6)
    assert float(found.baseline) == pytest.approx(0.5)
    assert float(found.on) == pytest.approx(charged[-1], rel=1e-5)
    assert float(found.latency) == pytest.approx(0.199)
    # what it has left when the light goes out is after the flash, too
    assert float(found.off) == pytest.approx(charged[-1] * np.exp(-1 / 50), rel=1e-4)
    assert float(found.sustained) == pytest.approx(charged[-20:].mean() / charged[-1], rel=1e-4)
    assert found.response.time.attrs["units"] == "s"


def test_on_and_off_cells_are_told_apart() -> None:
    retina = cx.models.Retina("primate", ganglion=["parvo_on", "parvo_off"])
    tree = cx.analysis.flash_response(
        retina, "0.3 s", size=21, cells=[(10, 10)], radius="0.2 deg", contrast=0.5, dt="2 ms", pixel_size="0.05 deg",
        outputs=["parvo_on", "parvo_off", "parvo_on_current", "parvo_off_current"], repeats=20, before="0.4 s",
    )  # fmt: skip
    assert tree["parvo_on_current/on_off_index"].item() > 0.3
    assert tree["parvo_off_current/on_off_index"].item() < -0.3
    assert tree["parvo_on/response"].attrs["units"] == "Hz"
    assert "repeat" not in tree["parvo_on/response"].dims
    spikes = tree["parvo_on/response"].squeeze("cell")
    # 20 trials of 0.1 s at 60 Hz: known to 5 Hz
    assert float(spikes.sel(time=slice(0.02, 0.12)).mean()) > float(spikes.sel(time=slice(None, 0)).mean()) + 10


def test_silence_has_no_index() -> None:
    dark = cx.filters.Conv1d(1, (1, 1, 1), bias=False)
    dark.set_weight(np.zeros((1, 1, 1)))
    found = cx.analysis.flash_response(dark, size=1, **GRID)["response"].to_dataset().squeeze()
    assert float(found.on) == float(found.off) == 0
    assert all(np.isnan(found[name]) for name in ("on_off_index", "latency", "sustained"))


def test_the_chirp_is_that_of_the_paper() -> None:
    """8 s from 0 to 8 Hz, 8 s at 2 Hz from no contrast to full, the steps before, and 2 s of grey between."""
    same = cx.filters.LowPass("0 ms")
    tree = cx.analysis.chirp_response(same, size=1, **GRID)
    found = tree["response"].to_dataset().squeeze(("y", "x"))
    np.testing.assert_allclose(found.response, found.stimulus, atol=1e-6)
    part = found.part.values
    begins = [0, *(np.flatnonzero(part[1:] != part[:-1]) + 1)]
    assert [(part[at], at) for at in begins] == [
        ("off", 0), ("on", 2000), ("off_again", 5000), ("grey", 8000), ("frequency_sweep", 10000), ("grey", 18000),
        ("contrast_sweep", 20000), ("grey", 28000), ("off_last", 30000),
    ]  # fmt: skip
    t = np.arange(8000) / 1000
    np.testing.assert_allclose(found.response[10000:18000], 0.5 + 0.5 * np.sin(np.pi * t**2), atol=1e-5)
    np.testing.assert_allclose(found.response[20000:28000], 0.5 + t / 16 * np.sin(4 * np.pi * t), atol=1e-5)


def test_parts_may_be_others_and_bad_ones_are_refused() -> None:
    tree = cx.analysis.chirp_response(
        cx.filters.LowPass("1 ms"), size=1, parts={"off": "1 s", "frequency_sweep": "2 s"}, **GRID
    )
    assert tree["response"].sizes["time"] == 25000
    with pytest.raises(cx.ContractError, match="before: wanted a time step at least"):
        cx.analysis.flash_response(cx.filters.LowPass("1 ms"), size=1, before=0, **GRID)
    with pytest.raises(cx.ContractError, match="outputs: wanted values per time step, got times"):
        cx.analysis.flash_response(cx.spiking.NoisyLIF(), size=1, outputs=["times"], **GRID)
