"""The linear-nonlinear model against a plain computation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr
from scipy import ndimage, special

import convis_xr as cx
from tests.agreement import Agreement, relative

RNG = np.random.default_rng(0)
KERNEL = RNG.normal(size=(4, 3, 2))
BIAS = 0.25
SHAPES = {
    "relu": lambda v: np.maximum(v, 0),
    "softplus": lambda v: np.logaddexp(0, v),
    "exp": np.exp,
    "square": np.square,
    "sigmoid": special.expit,
}


def film() -> xr.DataArray:
    return cx.as_stimulus(RNG.random((12, 6, 7)), dt="1 ms", pixel_size="0.1 deg", units="1")


def model(**options: object) -> cx.models.LN:
    made = cx.models.LN((4, 3, 2), **options)  # type: ignore[arg-type]
    made.conv.set_weight(KERNEL)
    made.conv.bias = np.array([BIAS])
    return made


@pytest.mark.parametrize("name", SHAPES)
def test_a_population_is_a_filter_and_a_nonlinearity(name: str, agreement: Agreement) -> None:
    stimulus = film()
    before = np.concatenate([np.zeros((3, 6, 7)), stimulus.values])
    # scipy's origin lies in the middle of the kernel, in time too
    linear = ndimage.convolve(before, KERNEL, mode="nearest")[1:13] + BIAS
    error = relative(model(nonlinearity=name)(stimulus), SHAPES[name](linear))
    agreement("LN", "scipy.ndimage.convolve and numpy", "relative L2, float32 weights", error, within=1e-6)


def test_one_cell_weighs_the_middle_of_the_frame() -> None:
    stimulus = film()
    seen = np.concatenate([np.zeros((3, 6, 7)), stimulus.values])[:, 1:4, 2:4]
    linear = [BIAS + sum((KERNEL[lag] * seen[3 + t - lag]).sum() for lag in range(4)) for t in range(12)]
    response = model(population=False, nonlinearity=lambda v: 3 * v)(stimulus)
    np.testing.assert_allclose(response.values.ravel(), 3 * np.array(linear), rtol=1e-6, atol=1e-6)


def test_other_nonlinearities_are_refused() -> None:
    with pytest.raises(cx.ParameterError, match="nonlinearity: wanted a function or one of relu"):
        cx.models.LN(nonlinearity="cube")


def test_fitting_recovers_the_filter() -> None:
    film = torch.rand(1, 1, 300, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    teacher, pupil = (cx.models.LN((3, 1, 1), nonlinearity="softplus").double() for _ in range(2))
    wanted = teacher(film).detach()
    optimizer = torch.optim.LBFGS(pupil.parameters(), max_iter=100, line_search_fn="strong_wolfe", tolerance_grad=1e-10)

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        pupil.clear_state()
        error = ((pupil(film) - wanted) ** 2).mean()
        error.backward()
        return error

    optimizer.step(loss)
    torch.testing.assert_close(pupil.conv.weight.detach(), teacher.conv.weight.detach(), rtol=1e-3, atol=1e-3)


class Rate(cx.Layer):
    """A nonlinearity with a unit."""

    units_out = "Hz"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 100 * torch.sigmoid(x)


@pytest.mark.parametrize("kind", [cx.models.LN, cx.models.LNLN, cx.models.LNFDLNF, cx.models.RFN])
def test_a_nonlinearity_that_is_a_layer_tells_the_unit(kind: type[cx.Layer]) -> None:
    made = kind((2, 3, 2), nonlinearity=Rate())  # type: ignore[call-arg]
    assert made(film()).attrs["units"] == "Hz"
    assert cx.models.Sequential(made, cx.spiking.Poisson())(film()).attrs["units"] == "count"


def test_a_nonlinearity_that_spikes_gives_counts() -> None:
    drive, lif = film() * 300, cx.spiking.LIF()
    made = cx.models.LN((4, 3, 2), nonlinearity=lif)
    made.conv.set_weight(np.full(KERNEL.shape, 1 / KERNEL.size))
    spikes = made(drive)
    assert (spikes.attrs["units"], spikes.dtype) == ("count", np.uint8)
    made.conv.clear_state()
    np.testing.assert_array_equal(spikes, cx.spiking.LIF()(made.conv(drive).assign_attrs(units="Hz")))
    assert spikes.sum() > 0


def test_a_nonlinearity_gives_one_output() -> None:
    for made in (cx.models.LN, cx.models.LNLN, cx.models.LNFDLNF):
        with pytest.raises(cx.ContractError, match="nonlinearity: wanted a part with one output, got outputs on, off"):
            made((2, 3, 2), nonlinearity=cx.spiking.EventCamera(1e6, mode="linear"))(film())
    one = cx.models.LN((2, 3, 2), nonlinearity=cx.spiking.FitzHughNagumo(outputs="potential"))
    assert one(film()).dims == ("time", "y", "x")
