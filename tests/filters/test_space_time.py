"""Smoothing in space and time: separable, and its widths can be learnt from data."""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr

import convis_xr as cx


def film() -> xr.DataArray:
    return cx.as_stimulus(
        np.random.default_rng(0).random((25, 9, 8)), dt="1 ms", pixel_size=("0.1 deg", "0.07 deg"), units="1"
    )


def test_it_is_a_blur_of_a_cascade() -> None:
    stimulus = film()
    apart = cx.filters.Gaussian("0.15 deg")(cx.filters.GammaLowPass("6 ms", 2)(stimulus))
    np.testing.assert_array_equal(cx.filters.SpaceTimeLowPass("0.15 deg", "6 ms", 2)(stimulus), apart)


def test_widths_can_be_learnt() -> None:
    stimulus = film()
    x = stimulus.convis.to_tensor(dtype=torch.float64)
    with cx.set_options(dt="1 ms", pixel_size=("0.1 deg", "0.07 deg")):
        wanted = cx.filters.SpaceTimeLowPass("0.17 deg", "9 ms", 1)(x).detach()
        pupil = cx.filters.SpaceTimeLowPass("0.1 deg", "5 ms", 1)
        optimizer = torch.optim.LBFGS([pupil.sigma, pupil.tau], max_iter=60, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            optimizer.zero_grad()
            pupil.clear_state()
            error = 1e4 * ((pupil(x) - wanted) ** 2).mean()
            error.backward()
            return error

        optimizer.step(loss)
    np.testing.assert_allclose([float(pupil.sigma), float(pupil.tau)], [0.17, 0.009], rtol=1e-3)
