"""A generalized linear model fitted by `cx.fit`: to the maximum that Newton's method finds."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

import convis_xr as cx
from convis_xr.fitting import fit_glm
from tests.fitting.test_glm import estimates, model_of, noise, spikes

FULL = partial(
    torch.optim.LBFGS,
    max_iter=100,
    history_size=30,
    tolerance_grad=1e-9,
    tolerance_change=1e-14,
    line_search_fn="strong_wolfe",
)


def started() -> cx.models.GLM:
    """In double precision, and at a rate of 20 Hz."""
    model = model_of().double()
    model.stimulus.bias = [3.0, 3.0]
    return model


def distances(model: cx.models.GLM, found: xr.Dataset) -> np.ndarray:
    """How far a model is from an estimate, in standard errors of it."""
    values = {name: np.squeeze(one.detach().numpy()) for name, one in model.named_parameters()}
    made = found.copy()
    for name, value in values.items():
        made[name] = found[name].copy(data=value.reshape(found[name].shape))
    return np.concatenate(
        [(estimates(made, cell) - estimates(found, cell)) / estimates(found, cell, "_error") for cell in range(2)]
    )


@pytest.mark.parametrize("options", [{}, {"chunk": 400, "batch": "all"}])
def test_lbfgs_comes_to_the_maximum_of_newtons_method(options: dict[str, Any]) -> None:
    """With repeats, in one block or streamed; where a loss is flat, a thousandth of an error is all it tells."""
    film = noise(1000)
    counts = spikes(film, repeats=2)
    found = fit_glm(model_of(), film, counts)
    model = started()
    assert np.abs(distances(model, found)).max() > 3
    fitted = cx.fit(
        model,
        film,
        counts,
        loss="poisson",
        optimizer=FULL,
        skip=model.lags,
        dtype=torch.float64,
        progress=False,
        **options,
    )
    assert np.abs(distances(model, found)).max() < 1e-3
    assert fitted.samples.sel(split="training").values.tolist() == [2 * (1000 - model.lags)] * 2


def test_a_part_is_held_out_and_predicted() -> None:
    film = noise(2000)
    counts = spikes(film)
    model = started()
    fitted = cx.fit(
        model, film, counts, loss="poisson", optimizer="Adam", chunk=400, epochs=3, validation=0.2, progress=False
    )
    assert (np.diff(fitted.loss) < 0).all()
    assert fitted.validation_loss[-1] < fitted.validation_loss[0]
    assert fitted.samples.sel(split="validation").values.tolist() == [400, 400]


def test_counts_with_gaps_are_refused() -> None:
    film = noise(200)
    counts = spikes(film)
    gappy = counts.where(counts.time != counts.time[50]).assign_attrs(counts.attrs)
    with pytest.raises(cx.ContractError, match="counts: wanted finite values"):
        cx.fit(started(), film, gappy, loss="poisson", progress=False)
