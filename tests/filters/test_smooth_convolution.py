"""`SmoothConv`: against the convolution with the kernel that it stands for, and against scipy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr
from scipy.signal import lfilter

import convis_xr as cx
from convis_xr.filters import Conv3d, SmoothConv
from convis_xr.filters.kernels import log_splines
from tests.agreement import Agreement, relative

RNG = np.random.default_rng(6)


def film(channels: int = 2) -> xr.DataArray:
    return cx.as_stimulus(RNG.random((channels, 60, 6, 5)), dt="2 ms", pixel_size="0.1 deg", units="Hz")


def chain() -> SmoothConv:
    return SmoothConv(4, ["3 ms", "4 ms", "0 ms", "6 ms"], (3, 2), in_channels=2, out_channels=3)


def splines() -> SmoothConv:
    return SmoothConv(kernel_size=(2, 3), in_channels=2, out_channels=3, basis=log_splines(25, 4, dt="2 ms"))


@pytest.mark.parametrize("make", [chain, splines])
@pytest.mark.parametrize("initial", ["zeros", "first_frame", "2 Hz"])
def test_it_is_the_convolution_with_its_effective_kernel(make: type[SmoothConv], initial: str) -> None:
    layer, stimulus = make().double(), film()
    layer.bias = np.array([1.0, -2.0, 0.5])
    layer.initial = initial
    response = layer(stimulus)
    conv = Conv3d(2, 3, (1, 1, 1)).double()
    conv.set_weight(layer.effective_weight(length=200 if make is chain else None))
    conv.bias = layer.bias.detach()
    conv.initial = initial
    np.testing.assert_allclose(response, conv(stimulus), rtol=1e-9, atol=1e-9)
    assert response.attrs["units"] == "Hz"


def test_the_components_of_a_chain_are_scipys(agreement: Agreement) -> None:
    components = chain().components("80 ms", dt="2 ms")
    assert components.dims == ("component", "time")
    wanted = np.eye(1, 40)[0]
    for row, tau in zip(components.values, (3e-3, 4e-3, 0.0, 6e-3), strict=True):
        c = np.exp(-2e-3 / tau) if tau else 0.0
        wanted = lfilter([1 - c], [1, -c], wanted)
        agreement("SmoothConv: components", "scipy.signal.lfilter", "relative L2", relative(row, wanted), within=1e-12)


def test_by_default_all_of_a_component_is_shown() -> None:
    layer = SmoothConv(5, "10 ms")
    with pytest.raises(cx.ContractError, match="a time step"):
        layer.components()
    layer(cx.as_stimulus(np.zeros(3), dt="1 ms", units="1"))  # the layer learns the time step
    np.testing.assert_allclose(layer.components().sum("time"), 1, atol=2e-6)
    assert float(layer.components().time[1]) == 0.001


def test_the_components_of_a_basis_are_the_basis() -> None:
    basis = log_splines(25, 4, dt="2 ms")
    layer = SmoothConv(basis=basis)
    np.testing.assert_array_equal(layer.components(), basis)
    assert layer.components(30).sizes["time"] == 30
    assert layer.components("20 ms").sizes["time"] == 10
    assert layer.weight.shape == (1, 1, 6, 1, 1)


def test_weights_come_in_several_forms() -> None:
    layer = chain()
    weight = RNG.normal(size=(4, 3, 2)).astype("float32")
    layer.set_weight(weight)
    np.testing.assert_array_equal(layer.weight.detach(), np.broadcast_to(weight, (3, 2, 4, 3, 2)))
    coords = {"y": [0.1, 0.0, -0.1], "x": [0.0, 0.1]}
    labelled = xr.DataArray(weight, coords, ("component", "y", "x"))
    layer.set_weight(0.0)
    layer.set_weight(labelled.isel(y=slice(None, None, -1)).transpose("x", "component", "y"))
    np.testing.assert_array_equal(layer.weight[2, 1].detach(), weight)
    for wrong in (np.zeros((3, 3, 2)), np.zeros(4), labelled.isel(x=0)):
        with pytest.raises(cx.ParameterError, match="weight: wanted"):
            layer.set_weight(wrong)


def test_a_long_kernel_can_be_fitted() -> None:
    basis = log_splines(60, 6, dt="2 ms", remove_last=True)
    lags = np.arange(60) * 2.0
    wanted_kernel = np.exp(-lags / 30) * np.sin(lags / 20)
    stimulus = cx.as_stimulus(RNG.normal(size=600), dt="2 ms", units="1")
    conv = cx.filters.Conv1d(bias=False)
    conv.set_weight(wanted_kernel)
    wanted = torch.from_numpy(conv(stimulus).values).view(1, 1, -1, 1, 1)
    layer = SmoothConv(basis=basis, bias=False).double()
    x = stimulus.convis.to_tensor(dtype=torch.float64)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        layer.clear_state()
        error = ((layer(x) - wanted) ** 2).mean()
        error.backward()
        return error

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    fitted = layer.effective_weight().detach().numpy().ravel()
    assert np.abs(fitted - wanted_kernel).max() < 0.03 * np.abs(wanted_kernel).max()


def test_time_constants_are_fitted_only_if_asked() -> None:
    layer = SmoothConv(3, "10 ms").double()
    assert [name for name, value in layer.named_parameters() if value.requires_grad] == ["weight", "bias"]
    layer.tau.requires_grad_()
    x = torch.randn(1, 1, 8, 1, 1, dtype=torch.float64)

    def response(tau: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        layer.clear_state()
        return torch.func.functional_call(layer, {"tau": tau, "weight": weight}, (x,))

    leaves = [value.detach().clone().requires_grad_() for value in (layer.tau, layer.weight)]
    with cx.set_options(dt="2 ms"):
        assert torch.autograd.gradcheck(response, leaves, eps=1e-8, atol=1e-4)


def test_what_cannot_be() -> None:
    with pytest.raises(
        cx.ContractError, match=r"basis: wanted a time step of 0.001 s, that of the stimulus, got 0.002 s"
    ):
        SmoothConv(basis=log_splines(25, 4, dt="2 ms"))(cx.as_stimulus(np.zeros(5), dt="1 ms", units="1"))
    with pytest.raises(cx.ParameterError, match="basis: wanted a DataArray"):
        SmoothConv(basis=np.zeros((3, 4)))  # type: ignore[arg-type]
    with pytest.raises(cx.ParameterError, match="tau: wanted one or 3"):
        SmoothConv(3, ["1 ms", "2 ms"])
    with pytest.raises(cx.UnitError, match="tau: wanted a time"):
        SmoothConv(3, 0.1)
    for make in (lambda: SmoothConv(0), lambda: SmoothConv(kernel_size=(3, 3, 3)), lambda: SmoothConv(out_channels=0)):
        with pytest.raises(cx.ParameterError, match="wanted"):
            make()
    with pytest.raises(cx.ParameterError, match="channel: wanted 2"):
        chain()(film(3))


def test_a_basis_has_numbers_and_components_have_lags() -> None:
    basis = log_splines(12, 3, dt="1 ms")
    with pytest.raises(cx.ParameterError, match="basis: wanted some finite numbers"):
        SmoothConv(basis=basis.where(basis.component > 0))
    with pytest.raises(cx.ParameterError, match="basis: wanted some finite numbers"):
        SmoothConv(basis=basis[:0])
    for layer in (SmoothConv(basis=basis), SmoothConv(2, "1 ms")):
        with pytest.raises(cx.ParameterError, match="length: wanted at least one lag, got 0"):
            layer.components(0, dt="1 ms")


def test_time_constants_may_be_one_quantity() -> None:
    layer = SmoothConv(2, cx.units.Quantity(np.array([1.0, 3.0]), "ms"))
    assert layer.tau.tolist() == [0.001, 0.003]
