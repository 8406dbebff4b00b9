"""The generalized linear model: what its rate is, that spikes only act later, that chunks do not matter."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import convis_xr as cx
from convis_xr.context import InputInfo, RunContext
from convis_xr.filters.kernels import raised_cosines

DT = "1 ms"


def model_of(cells: int = 2, history: bool = True, coupling: bool = True) -> cx.models.GLM:
    own = raised_cosines(3, "1 ms", "8 ms", dt=DT) if history else None
    others = raised_cosines(2, "2 ms", "4 ms", dt=DT) if coupling else None
    made = cx.models.GLM((4, 2, 3), cells=cells, history=own, coupling=others)
    draws = np.random.default_rng(4)
    made.stimulus.set_weight(0.3 * draws.standard_normal((cells, 1, 4, 2, 3)))
    made.stimulus.bias = np.linspace(4, 4.5, cells)
    if history:
        made.history = draws.normal(-0.5, 0.5, (cells, 3))
    if coupling:
        made.coupling = draws.normal(-0.1, 0.3, (cells, cells, 2))
    return made


def noise(steps: int = 60, batch: int | None = None) -> xr.DataArray:
    shape = (steps, 2, 3) if batch is None else (batch, 1, steps, 2, 3)
    values = np.random.default_rng(2).standard_normal(shape)
    return cx.as_stimulus(values, dt=DT, pixel_size="0.1 deg", units="1")


def context_of(model: cx.models.GLM) -> RunContext:
    return model.new_context(InputInfo(cx.Sampling(DT)), outputs=["rate"])


def rate_by_loops(model: cx.models.GLM, film: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The definition, in Hz (time, cell)."""
    weight, bias = (getattr(model.stimulus, name).detach().double().numpy() for name in ("weight", "bias"))
    cells = len(bias)
    total = np.zeros((len(film), cells)) + bias
    for t in range(len(film)):
        for i in range(cells):
            for lag in range(weight.shape[2]):
                if t - lag >= 0:
                    total[t, i] += (weight[i, 0, lag] * film[t - lag]).sum()
            for j in range(cells):
                name = "history" if i == j else "coupling"
                weights = getattr(model, name)
                if weights is None:
                    continue
                basis = getattr(model, f"{name}_basis").numpy()
                chosen = weights.detach().double().numpy()[i] if i == j else weights.detach().double().numpy()[i, j]
                for lag in range(1, basis.shape[1] + 1):
                    if t - lag >= 0:
                        total[t, i] += chosen @ basis[:, lag - 1] * counts[t - lag, j]
    return np.exp(total)


@pytest.mark.parametrize(("history", "coupling"), [(True, True), (True, False), (False, True), (False, False)])
def test_the_rate_is_that_of_the_definition(history: bool, coupling: bool) -> None:
    model, film = model_of(3, history, coupling), noise()
    made = cx.run(model, film, outputs=["response", "rate"], seed=5, progress=False)
    assert dict(made.sizes) == {"time": 60, "cell": 3}
    assert made.response.attrs["units"] == "count"
    assert made.rate.attrs["units"] == "Hz"
    counts = made.response.values
    assert counts.sum() > 10
    np.testing.assert_allclose(made.rate, rate_by_loops(model, film.values, counts), rtol=1e-5)
    # recorded counts give the same
    events = torch.from_numpy(counts.astype(float))[None, None, :, None, :]
    told = model.advance(context_of(model), torch.from_numpy(film.values)[None, None], None, events)
    assert list(told) == ["rate"]
    np.testing.assert_allclose(told["rate"][0, 0, :, 0].detach(), made.rate, rtol=1e-5)


def test_counts_of_a_step_and_later_do_not_touch_its_rate() -> None:
    model, film = model_of(), torch.from_numpy(noise().values)[None, None]
    counts = torch.randint(0, 3, (1, 1, 60, 1, 2), generator=torch.Generator().manual_seed(1)).double()
    rate = model.advance(context_of(model), film, None, counts)["rate"]
    other = counts.clone()
    other[:, :, 30:] += 1
    changed = model.advance(context_of(model), film, None, other)["rate"]
    assert torch.equal(rate[:, :, :31], changed[:, :, :31])
    assert not torch.isclose(rate[:, :, 31:], changed[:, :, 31:]).all()


@given(cuts=st.lists(st.integers(1, 59), max_size=5))
def test_recorded_counts_act_over_any_border(cuts: list[int]) -> None:
    """What is carried are whole numbers; products of matrices depend on the cut by rounding alone."""
    model = model_of(2)
    model.stimulus.set_weight(0.0)
    film = torch.from_numpy(noise().values)[None, None]
    counts = torch.randint(0, 3, (2, 1, 60, 1, 2), generator=torch.Generator().manual_seed(1)).double()
    whole_run, context = context_of(model), context_of(model)
    whole = model.advance(whole_run, film, None, counts)["rate"]
    ends, pieces = sorted({0, *cuts, 60}), []
    for low, high in pairwise(ends):
        pieces.append(model.advance(context, film[:, :, low:high], None, counts[:, :, low:high])["rate"])
    torch.testing.assert_close(torch.cat(pieces, 2), whole, rtol=1e-13, atol=0)
    assert torch.equal(context.state["past"], whole_run.state["past"])


@given(chunk=st.integers(1, 60))
def test_simulated_spikes_do_not_depend_on_the_chunk(chunk: int) -> None:
    model, film = model_of(), noise()
    whole = cx.run(model, film, seed=3, progress=False).response
    parts = cx.run(model, film, seed=3, chunk=chunk, progress=False).response
    xr.testing.assert_identical(whole, parts)


def test_trials_differ_and_seeds_repeat() -> None:
    model, film = model_of(), noise(300)
    made = cx.run(model, film, seed=3, repeats=3, progress=False).response
    assert made.dims == ("repeat", "time", "cell")
    assert not (made[0] == made[1]).all()
    again = cx.run(model, film, seed=3, progress=False).response
    np.testing.assert_array_equal(again, made[0])
    assert not (cx.run(model, film, seed=4, progress=False).response == again).all()


def test_gradients_are_those_of_differences() -> None:
    model = model_of().double()
    film = torch.from_numpy(noise(12).values)[None, None]
    counts = torch.randint(0, 3, (1, 1, 12, 1, 2), generator=torch.Generator().manual_seed(1)).double()
    values = [one.detach().clone().double().requires_grad_() for one in model.parameters()]
    names = [name for name, _ in model.named_parameters()]
    assert names == ["history", "coupling", "stimulus.weight", "stimulus.bias"]

    def rate(*given: Tensor) -> Tensor:
        model.clear_state()
        return torch.func.functional_call(model, dict(zip(names, given, strict=True)), (film, counts))["rate"].log()

    assert torch.autograd.gradcheck(rate, values)


def test_the_filters_of_spikes_are_labelled() -> None:
    model = model_of(3)
    filters = model.spike_filters
    assert filters.dims == ("cell", "source", "time")
    assert float(filters.time[0]) == pytest.approx(1e-3)
    assert filters.time.attrs["units"] == "s"
    own = model.history.detach().double().numpy()[1] @ model.history_basis.numpy()
    np.testing.assert_allclose(filters.sel(cell=1, source=1), own, rtol=1e-5)
    shorter = model.coupling.detach().double().numpy()[1, 2] @ model.coupling_basis.numpy()
    np.testing.assert_allclose(filters.sel(cell=1, source=2)[: len(shorter)], shorter, rtol=1e-5)
    assert not filters.sel(cell=1, source=2)[len(shorter) :].any()


def test_parameters_and_state_are_kept_and_told() -> None:
    model = model_of()
    film = noise()
    first = model(film[:30])
    rest = model(film[30:])
    whole = cx.run(model, film, seed=model.seed, progress=False).response
    np.testing.assert_array_equal(xr.concat([first, rest], "time"), whole)
    again = cx.models.GLM(
        (4, 2, 3), 2, raised_cosines(3, "1 ms", "8 ms", dt=DT), raised_cosines(2, "2 ms", "4 ms", dt=DT)
    )
    again.set_parameters(model.get_parameters())
    np.testing.assert_array_equal(cx.run(again, film, seed=0, progress=False).response, whole)
    assert cx.models.GLM().footprint(cx.Sampling(DT)).memory == 9
    assert cx.models.GLM((2, 1, 1))(cx.as_stimulus(np.zeros(5), dt=DT, units="1")).sizes == {"time": 5, "cell": 1}


def test_wrong_input_is_told() -> None:
    with pytest.raises(cx.ParameterError, match=r"history: wanted a basis \(component, time\), got ndarray"):
        cx.models.GLM(history=np.ones((3, 4)))  # type: ignore[arg-type]
    with pytest.raises(cx.ParameterError, match="out_channels"):
        cx.models.GLM(cells=0)
    model = model_of()
    with pytest.raises(cx.ContractError, match=r"basis: wanted a time step of 0.002 s"):
        model(cx.as_stimulus(np.zeros((5, 2, 3)), dt="2 ms", pixel_size="0.1 deg", units="1"))
    film = torch.zeros(1, 1, 5, 2, 3)
    with pytest.raises(cx.ContractError, match=r"counts: wanted \(batch, 1, time: 5, 1, cell: 2\), got shape"):
        model.advance(context_of(model), film, None, torch.zeros(1, 1, 5, 1, 3))
    with pytest.raises(cx.ContractError, match="counts: wanted 0 or more"):
        model.advance(context_of(model), film, None, -torch.ones(1, 1, 5, 1, 2))
    with pytest.raises(cx.ContractError, match="counts: wanted finite values"):
        model.advance(context_of(model), film, None, torch.full((1, 1, 5, 1, 2), torch.nan))


def test_a_basis_of_no_numbers_and_filters_that_are_none_are_told() -> None:
    basis = cx.filters.kernels.raised_cosines(3, "2 ms", "10 ms", dt="2 ms")
    for wrong in (basis * np.nan, basis.astype(complex)):
        with pytest.raises(cx.ParameterError, match="coupling: wanted a basis of finite numbers"):
            cx.models.GLM((1, 1, 1), coupling=wrong)
    with pytest.raises(cx.ContractError, match="spike_filters: wanted a model with history or coupling"):
        _ = cx.models.GLM((1, 1, 1)).spike_filters
