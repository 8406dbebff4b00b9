"""What simulated recordings were made with comes back, and the better the longer they are."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

import convis_xr as cx

FULL = partial(torch.optim.LBFGS, max_iter=40, line_search_fn="strong_wolfe")


def _noise(steps: int, size: int, seed: int, dt: str = "10 ms") -> xr.DataArray:
    values = np.random.default_rng(seed).choice([0.0, 1.0], (steps, size, size))
    return cx.as_stimulus(values, dt=dt, pixel_size="0.1 deg", units="1", valid_range=(0, 1))


def _counts(mean: xr.DataArray, seed: int) -> xr.DataArray:
    counts = mean.copy(data=np.random.default_rng(seed).poisson(mean))
    return counts.assign_attrs(units="count")


def test_the_kernel_of_a_sample_generator() -> None:
    """The example of the old documentation."""
    made = cx.stimuli.SampleGenerator("sparse", kernel_size=(10, 3, 3), p=0.1)
    x, y = made.generate(size=(400, 10, 10))
    torch.manual_seed(0)
    model = cx.models.LN((10, 3, 3))
    model.set_optimizer.LBFGS(max_iter=30, line_search_fn="strong_wolfe")
    model.optimize(x, y, epochs=3)
    found = model.conv.weight.detach().numpy()[0, 0]
    assert np.abs(found - made.kernel.values).max() < 0.02


def _glm(seed: int, weight: np.ndarray | None = None, bias: float = -1.5) -> Any:
    """A cell with an exponential nonlinearity."""
    torch.manual_seed(seed)
    model = cx.models.LN((3, 3, 3), population=False, nonlinearity="exp")
    model.conv.set_weight(np.zeros((3, 3, 3)) if weight is None else weight)
    with torch.no_grad():
        model.conv.bias.fill_(bias)
    return model


def test_ln_errors_fall_as_theory_says(agreement: Any) -> None:
    """Squared errors of the maximum of likelihood are the inverse of Fisher's information, whatever the length."""
    kernel = np.random.default_rng(5).normal(0, 0.25, (3, 3, 3))
    for steps in (1000, 4000, 16000):
        ratios = []
        for seed in range(3):
            film = _noise(steps, 3, seed)
            truth = _glm(0, kernel)
            mean = cx.run(truth, film).response
            model = _glm(1)
            cx.fit(model, film, _counts(mean, 100 + seed), loss="poisson", optimizer=FULL, epochs=2)
            found = model.conv.weight.detach().numpy()[0, 0]
            padded = np.pad(film.values, ((2, 0), (0, 0), (0, 0)))
            lagged = np.stack([padded[2 - lag : 2 - lag + steps] for lag in range(3)], 1)
            design = np.column_stack([lagged.reshape(steps, -1), np.ones(steps)])
            information = design.T @ (design * mean.values.reshape(-1, 1))
            expected = np.trace(np.linalg.inv(information)[:-1, :-1])
            ratios.append(float(((found - kernel) ** 2).sum() / expected))
        # 81 squared normal numbers: their mean is within 1 +- 4 * sqrt(2 / 81)
        error = abs(float(np.mean(ratios)) - 1)
        agreement(
            f"LN fitted to {steps} steps: squared error of the kernel", "inverse Fisher information (3 recordings)",
            "relative difference", error, within=4 * math.sqrt(2 / 81),
        )  # fmt: skip


def test_lnln_subunits() -> None:
    """Pooling weights of subunits, up to the scale that the two stages share."""
    torch.manual_seed(3)
    film = _noise(3000, 5, 3)
    truth = cx.models.LNLN((1, 3, 3), population=False, nonlinearity="softplus")
    center = np.outer([1, 2, 1], [1, 2, 1]) / 4 - 0.3
    truth.conv1.set_weight(center[None] * 2)
    truth.conv2.set_weight(np.random.default_rng(1).uniform(0.1, 1, (1, 3, 3)) * 0.3)
    response = cx.run(truth, film).response
    model = cx.models.LNLN((1, 3, 3), population=False, nonlinearity="softplus")
    model.conv1.set_weight(center[None] + 0.5 * np.random.default_rng(2).normal(size=(1, 3, 3)))
    model.conv2.set_weight(np.full((1, 3, 3), 0.15))
    fitted = cx.fit(model, film, response, optimizer=FULL, epochs=10, validation=0.2)
    assert fitted.explained_variance.sel(split="validation").item() > 0.9999
    for stage in ("conv1", "conv2"):
        found, made = (getattr(one, stage).weight.detach().numpy().ravel() for one in (model, truth))
        assert np.corrcoef(found, made)[0, 1] > 0.999, stage


def test_retina_sizes_and_time_constants_in_units() -> None:
    """Sigma in degrees and tau in ms of the outer retina, from its noisy response, block by block."""
    film = _noise(600, 12, 7, dt="1 ms")
    truth = cx.models.Retina("human_parvo", ganglion=[], input_range=1.0)
    truth.opl.center.sigma.set("0.07 deg")
    truth.opl.center.tau.set("14 ms")
    truth.opl.surround.sigma.set("0.25 deg")
    clean = cx.run(truth, film, outputs="opl").opl
    noise = 0.2 * float(clean.std())
    noisy = clean + xr.DataArray(np.random.default_rng(0).normal(0, noise, clean.shape), dims=clean.dims)
    noisy.attrs = clean.attrs
    model = cx.models.Retina("human_parvo", ganglion=[], input_range=1.0)
    model.opl.center.sigma.set("0.04 deg")
    model.opl.center.tau.set("8 ms")
    model.opl.surround.sigma.set("0.4 deg")
    paths = ["opl.center.sigma", "opl.center.tau", "opl.surround.sigma"]
    fitted = cx.fit(
        model, film, noisy, output="opl", parameters=paths, optimizer=FULL, batch="all", chunk=200, epochs=1
    )
    assert model.p["opl.center.sigma"].value.to("deg").magnitude == pytest.approx(0.07, rel=0.01)
    assert model.p["opl.center.tau"].value.to("ms").magnitude == pytest.approx(14, rel=0.01)
    assert model.p["opl.surround.sigma"].value.to("deg").magnitude == pytest.approx(0.25, rel=0.02)
    assert fitted["opl.center.tau"].attrs["units"] == "s"
    assert fitted.loss[-1] == pytest.approx(noise**2, rel=0.02)


def test_a_rate_is_fitted_to_counts() -> None:
    """The baseline of a cell's rate in Hz, from spikes per step."""

    class Rate(cx.Layer):
        units_out = "Hz"

        def __init__(self, rate: str) -> None:
            super().__init__()
            self.rate = cx.Parameter(rate, bounds=("0 Hz", None))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.rate + 0 * x

    film = _noise(20000, 1, 0)
    counts = _counts(film * 0 + 0.4, 1)
    for loss in ("poisson", "squared_error"):
        model = Rate("3 Hz")
        cx.fit(model, film, counts, loss=loss, optimizer=FULL)
        assert model.rate.value.to("Hz").magnitude == pytest.approx(float(counts.mean()) * 100, rel=1e-4)
    model = Rate("3 Hz")
    cx.fit(model, film, counts, loss="bernoulli", optimizer=FULL)
    assert model.rate.value.magnitude == pytest.approx(-100 * math.log(1 - float((counts > 0).mean())), rel=1e-4)
