"""Models that are told what was recorded, and give what follows for the next step."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import convis_xr as cx

FULL = partial(torch.optim.LBFGS, max_iter=40, line_search_fn="strong_wolfe")


class SelfExciting(cx.Layer):
    """log rate = gain * stimulus + weight * (count of the step before) + offset, one cell."""

    units_out = "Hz"
    teacher_forced = True
    past: Any

    def __init__(self) -> None:
        super().__init__()
        self.gain, self.weight = cx.Parameter(0.0), cx.Parameter(0.0)
        self.offset = cx.Parameter(3.0)
        self.past = cx.State(primed=False)

    @property
    def output_names(self) -> tuple[str, ...]:
        return ("rate",)

    def output_units(self, name: str, input_units: str) -> str:
        return "Hz"

    def forward(self, x: Tensor, counts: Tensor | None = None) -> dict[str, Tensor]:
        counts = torch.zeros_like(x) if counts is None else counts.to(x.dtype)
        past = torch.zeros_like(counts[:, :, :1]) if self.past is None else self.past
        before = torch.cat([past, counts[:, :, :-1]], 2)
        self.past = counts[:, :, -1:]
        return {"rate": (self.gain * x + self.weight * before + self.offset).exp()}


def _recording(steps: int = 600, repeats: int = 2) -> tuple[xr.DataArray, xr.DataArray]:
    random = np.random.default_rng(0)
    film = cx.as_stimulus(random.normal(size=steps), dt="10 ms", units="1")
    counts = np.zeros((repeats, steps))
    for trial in counts:
        for step in range(steps):
            past = trial[step - 1] if step else 0.0
            trial[step] = random.poisson(np.exp(0.5 * film.values[step] - 0.6 * past + 4.0) * 0.01)
    return film, xr.DataArray(counts, {"time": film.time}, ("repeat", "time"), attrs={"units": "count"})


def _loss(film: xr.DataArray, counts: xr.DataArray, skip: int = 0) -> float:
    """By the equation, of gain 0.3, weight -0.2, offset 3.5."""
    before = np.pad(counts.values, ((0, 0), (1, 0)))[:, :-1]
    mean = np.exp(0.3 * film.values - 0.2 * before + 3.5) * 0.01
    return float((mean - counts.values * np.log(mean))[:, skip:].mean())


@given(chunk=st.integers(1, 650), skip=st.integers(0, 50))
def test_each_repeat_goes_on_with_its_own_past(chunk: int, skip: int) -> None:
    film, counts = _recording()
    model = SelfExciting()
    model.gain, model.weight, model.offset = 0.3, -0.2, 3.5
    loss = model.compute_loss(film, counts, loss="poisson", dt=chunk, t_skip=skip)
    assert loss == pytest.approx(_loss(film, counts, skip), rel=1e-5)


def test_a_recording_that_begins_later() -> None:
    film, counts = _recording()
    model = SelfExciting()
    model.gain, model.weight, model.offset = 0.3, -0.2, 3.5
    later = model.compute_loss(film, counts[:, 100:], loss="poisson", dt=30)
    zeroed = counts.where(counts.time >= counts.time[100], 0.0).assign_attrs(counts.attrs)
    assert later == pytest.approx(_loss(film, zeroed, 100), rel=1e-5)


@pytest.mark.parametrize("options", [{}, {"chunk": 150, "batch": "all"}, {"chunk": 300, "batch": 2, "burn_in": 2}])
def test_its_parameters_come_back(options: dict[str, Any]) -> None:
    film, counts = _recording(4000)
    model = SelfExciting()
    cx.fit(model, film, counts, loss="poisson", optimizer=FULL, epochs=2, **options)
    assert model.gain.item() == pytest.approx(0.5, abs=0.08)
    assert model.weight.item() == pytest.approx(-0.6, abs=0.12)
    assert model.offset.item() == pytest.approx(4.0, abs=0.08)


def test_some_repeats_cannot_be_drawn() -> None:
    film, counts = _recording()
    with pytest.raises(cx.ContractError, match="batch: wanted all repeats, got some of the repeats"):
        cx.fit(SelfExciting(), film, counts, loss="poisson", batch={"repeat": 1})
