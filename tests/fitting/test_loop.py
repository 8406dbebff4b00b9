from __future__ import annotations

import math
import threading
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import Tensor

import convis_xr as cx
from convis_xr.optimizers import optimizer_classes


def _film(steps: int = 200, seed: int = 0) -> xr.DataArray:
    values = np.random.default_rng(seed).random((steps, 3, 3))
    return cx.as_stimulus(values, dt="10 ms", pixel_size="1 deg", units="1")


class Cell(cx.Layer):
    """A pixel's neighbourhood, low-passed."""

    def __init__(self, tau: str = "20 ms", weights: Any = None) -> None:
        super().__init__()
        self.low = cx.filters.LowPass(tau)
        self.weights = torch.nn.Parameter(torch.zeros(3, 3) if weights is None else torch.tensor(weights).float())

    def forward(self, x: Tensor) -> Tensor:
        return (self.low(x) * self.weights).sum((-2, -1), keepdim=True)


def _truth(film: xr.DataArray) -> xr.DataArray:
    return cx.run(Cell("45 ms", np.arange(9.0).reshape(3, 3) / 9), film).response


#: learning rates for those whose own is not meant for 200 samples
RATES = {"SGD": 0.3, "ASGD": 0.3, "Adadelta": 10.0, "LBFGS": 0.5, "Adafactor": 1.0, "Muon": 0.05}


@pytest.mark.parametrize("name", sorted(optimizer_classes()))
def test_every_optimizer_makes_the_loss_fall(name: str) -> None:
    film = _film()
    model = Cell()
    # of these it is said that they take matrices alone
    matrices = {"parameters": "weights"} if name == "Muon" else {}
    made = partial(optimizer_classes()[name], lr=RATES.get(name, 0.02))
    fitted = cx.fit(model, film, _truth(film), optimizer=made, epochs=15, chunk=50, **matrices)
    assert fitted.loss[-1] < 0.5 * fitted.loss[0], fitted.loss.values
    assert fitted.attrs["optimizer"] == name
    assert isinstance(model.optimizer, optimizer_classes()[name])
    assert model.low.tau.item() > 0
    assert (model.low.tau.item() != 0.02) == (name != "Muon")


def test_the_dataset_tells_the_course() -> None:
    film = _film()
    model = Cell()
    fitted = cx.fit(model, film, _truth(film), optimizer="LBFGS", epochs=4, validation=0.25)
    sizes = {"epoch": 5, "step": 4, "split": 2, "y": 1, "x": 1, "weights.axis0": 3, "weights.axis1": 3}
    assert dict(fitted.sizes) == sizes
    assert fitted["low.tau"].dims == ("epoch",)
    assert fitted["low.tau"].attrs["units"] == "s"
    assert fitted["low.tau"][0] == 0.02
    best = fitted.sel(epoch=fitted.attrs["best_epoch"])
    assert best["low.tau"] == model.low.tau.item()
    np.testing.assert_array_equal(best.weights, model.weights.detach())
    assert fitted.validation_loss.argmin("epoch") == best.epoch
    assert (fitted.seconds >= 0).all()
    assert list(fitted.split.values) == ["training", "validation"]
    assert (fitted.correlation > 0.99).all()
    assert list(fitted.samples.values.ravel()) == [150, 50]
    assert (fitted.attrs["loss"], fitted.attrs["seed"]) == ("squared_error", 0)
    assert model.get_state() == {}
    assert not any(one.grad is not None for one in model.parameters())


def test_the_loss_is_that_of_an_evaluation(tmp_path: Any) -> None:
    film = _film()
    truth = _truth(film)
    model = Cell()
    fitted = cx.fit(model, film, truth, optimizer="Adam", epochs=3, chunk=40)
    fitted.to_netcdf(tmp_path / "fit.nc", engine="h5netcdf")
    assert fitted.loss.min() == pytest.approx(model.compute_loss(film, truth), rel=1e-12)
    assert fitted.loss[0] == pytest.approx(Cell().compute_loss(film, truth, dt=7), rel=1e-12)
    by_hand = float(((cx.run(model, film).response - truth) ** 2).mean())
    assert fitted.loss.min() == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.filterwarnings("ignore:no epoch made")  # whether it learns is not what is asked
def test_the_best_parameters_come_back() -> None:
    """Steps that are too long lead away: what validation liked best is kept, and the fit ends early."""
    film = _film()
    model = Cell()
    worse = partial(torch.optim.SGD, lr=3.0)
    fitted = cx.fit(
        model, film, _truth(film), optimizer=worse, epochs=50, chunk=20, validation=0.2, patience=3, clip=2.0,
        parameters="weights",
    )  # fmt: skip
    best = int(fitted.attrs["best_epoch"])
    assert fitted.sizes["epoch"] == best + 4 < 51
    assert fitted.validation_loss.argmin("epoch") == best
    np.testing.assert_array_equal(fitted.weights[best], model.weights.detach())


def test_schedulers_and_clipping() -> None:
    film = _film()
    halves = partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.5)
    fitted = cx.fit(Cell(), film, _truth(film), optimizer="Adam", epochs=3, scheduler=halves)
    np.testing.assert_allclose(fitted.learning_rate[1:], [1e-3, 5e-4, 2.5e-4])
    plateau = partial(torch.optim.lr_scheduler.ReduceLROnPlateau, patience=0, threshold=10.0)
    fitted = cx.fit(Cell(), film, _truth(film), optimizer="Adam", epochs=4, scheduler=plateau)
    assert fitted.learning_rate[-1] < 1e-3
    model = Cell()
    cx.fit(model, film, _truth(film), optimizer=partial(torch.optim.SGD, lr=1.0), clip=1e-3, parameters="weights")
    assert model.weights.detach().norm() == pytest.approx(1e-3, rel=1e-4)


def test_regularizers_add_to_the_loss() -> None:
    film = _film()

    def small(model: Cell) -> Tensor:
        return 10 * (model.weights**2).sum()

    free, held = Cell(), Cell()
    cx.fit(free, film, _truth(film), optimizer="LBFGS", epochs=3)
    fitted = cx.fit(held, film, _truth(film), optimizer="LBFGS", epochs=3, regularizers=[small])
    assert held.weights.detach().norm() < 0.5 * free.weights.detach().norm()
    assert fitted.penalty.min() == 0
    expected = held.compute_loss(film, _truth(film)) + float(small(held).detach())
    assert fitted.loss[fitted.attrs["best_epoch"]] == pytest.approx(expected)


def test_a_second_call_goes_on_with_the_optimizer() -> None:
    film = _film()
    one, two = Cell(), Cell()
    one.set_optimizer.Adam(lr=0.02)
    for _ in range(2):
        one.optimize(film, _truth(film), dt=50, epochs=2)
    two.set_optimizer.Adam(lr=0.02)
    two.optimize(film, _truth(film), dt=50, epochs=4)
    assert one.optimizer.state[one.weights]["step"] == 16
    np.testing.assert_allclose(one.weights.detach(), two.weights.detach(), rtol=1e-4)
    assert one.low.tau.item() == pytest.approx(two.low.tau.item(), rel=1e-4)


@pytest.mark.filterwarnings("ignore:no epoch made")  # whether it learns is not what is asked
def test_only_what_is_named_is_fitted() -> None:
    film = _film()
    model = Cell()
    model.low.tau.requires_grad_(False)
    fitted = cx.fit(model, film, _truth(film), parameters=["low"], chunk=50)
    assert "low.tau" in fitted
    assert "weights" not in fitted
    assert not model.weights.any()
    assert (model.low.tau.requires_grad, model.weights.requires_grad) == (False, True)
    cx.fit(model, film, _truth(film), optimizer=torch.optim.Adam([model.weights], lr=0.01))
    assert model.weights.any()


def test_missing_samples_and_repeats() -> None:
    """What was not recorded has no influence; more repeats weigh more."""
    film = _film()
    truth = _truth(film)
    gaps = xr.DataArray(np.random.default_rng(1).random((3, 200)) < 0.4, dims=("repeat", "time"))
    response = truth.expand_dims(repeat=3).where(gaps).copy().assign_attrs(units="1")
    model = Cell()
    fitted = cx.fit(model, film, response, optimizer="LBFGS", epochs=10, chunk=33, batch="all")
    assert fitted.loss.min() < 1e-6
    assert model.low.tau.item() == pytest.approx(0.045, rel=1e-2)
    assert fitted.samples.item() == int(gaps.sum())


def test_skip_leaves_the_start_out() -> None:
    film = _film()
    response = _truth(film)
    response[:30] = 100.0
    model = Cell()
    fitted = model.optimize(film, response, optimizer="LBFGS", t_skip="0.3 s", epochs=5)
    assert fitted.loss.min() < 1e-4
    assert fitted.samples.item() == 170
    assert model.compute_loss(film, response, t_skip=30) == pytest.approx(float(fitted.loss.min()))


@pytest.mark.parametrize("when", ["loss", "gradient", "value"])
def test_what_is_no_number_is_told_and_taken_back(when: str) -> None:
    class Breaks(Cell):
        steps = 0

        def forward(self, x: Tensor) -> Tensor:
            y = super().forward(x)
            if torch.is_grad_enabled():
                self.steps += 1
            if when == "loss" and self.steps >= 3 and torch.is_grad_enabled():
                y = y * math.nan
            if when == "gradient" and self.steps >= 3 and torch.is_grad_enabled():
                y = y + (self.low.tau - self.low.tau.detach()).abs().sqrt()  # the slope of a root at 0
            return y

    class Leaps(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            loss = super().step(closure)
            if when == "value" and model.steps >= 3:
                with torch.no_grad():
                    model.weights[0, 0] = math.inf
            return loss

    film = _film()
    model = Breaks()
    told = {
        "loss": r"loss of steps 100 to 150: wanted a finite number, got nan\. Cure: a smaller learning rate",
        "gradient": r"gradient of low\.tau: wanted finite numbers, got NaN or infinity for steps 100 to 150",
        "value": r"weights: wanted finite values, got NaN or infinity after a step on steps 100 to 150",
    }
    kind = cx.ContractError if when == "loss" else cx.ParameterError
    made = partial(Leaps, lr=0.01)
    with pytest.raises(kind, match=told[when]):
        cx.fit(model, film, _truth(film), optimizer=made, chunk=50)
    # where the loss was a number last: after the first step, or, if only the values went wrong, after the second
    expected = Cell()
    until = 100 if when == "value" else 50
    part = film[:until]
    cx.fit(expected, part, _truth(part), optimizer=partial(torch.optim.SGD, lr=0.01), chunk=50)
    torch.testing.assert_close(model.weights.detach(), expected.weights.detach())
    assert model.low.tau.requires_grad


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"epochs": 0}, "epochs: wanted a whole number from 1 on, got 0"),
        ({"patience": 0}, "patience: wanted a whole number from 1 on"),
        ({"clip": 0}, "clip: wanted a number above 0"),
        ({"validation": 1.0}, "validation: wanted a fraction, from 0 on and below 1, of 200 steps, got 1.0"),
        ({"skip": 200}, "skip: wanted less than the response's 200 steps"),
        ({"chunk": 0}, "chunk: wanted at least one sample"),
        ({"chunk": 10, "memory": "1 GiB"}, "chunk, memory: wanted one of the two"),
        (
            {"chunk": 10, "horizon": 5},
            "horizon: wanted no fewer than the 10 steps of a block, got 5 steps. Cure",
        ),
        ({"batch": 2, "chunk": 10}, "burn_in: wanted a length, for blocks in random order of a model that does not"),
        ({"optimizer": "Adm"}, 'optimizer: wanted one of ASGD, .*, got Adm. Cure: "Adam"'),
        ({"optimizer": 3}, "optimizer: wanted an optimizer of torch.optim by name or class, .*, got int"),
        ({"optimizer": "Muon"}, "got Muon: Muon only supports 2D parameters"),
        ({"optimizer": torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])}, "one of this model's parameters"),
        ({"scheduler": 3}, "scheduler: wanted a scheduler of torch.optim.lr_scheduler"),
        ({"loss": "mse"}, "loss: wanted one of squared_error"),
        ({"resume": True}, "resume: wanted a checkpoint to go on with"),
        ({"device": "meta"}, "device: wanted cpu, where the model is"),
    ],
)
def test_wrong_arguments(options: dict[str, Any], told: str) -> None:
    film = _film()
    model = Cell()
    with pytest.raises(cx.ConvisError, match=told):
        cx.fit(model, film, _truth(film), **options)
    assert all(one.requires_grad for one in model.parameters())
    assert not model.weights.any()


def test_nothing_recorded() -> None:
    film = _film()
    with pytest.raises(cx.ContractError, match="response: wanted recorded values, got NaN alone"):
        cx.fit(Cell(), film, _truth(film) * np.nan)


def test_an_output_that_no_gradient_reaches() -> None:
    class Steps(Cell):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).round().detach()

    film = _film()
    with pytest.raises(cx.ContractError, match=r"output: wanted an output that gradients of weights, low\.tau reach"):
        cx.fit(Steps(), film, _truth(film))


def test_a_model_that_is_none() -> None:
    film = _film()
    with pytest.raises(cx.ContractError, match=r"model: wanted a convis_xr.Layer"):
        cx.fit(torch.nn.Linear(1, 1), film, film)


def test_both_names_of_an_argument() -> None:
    film = _film()
    with pytest.raises(cx.ContractError, match="chunk: wanted chunk= or dt=, got both"):
        Cell().optimize(film, film, dt=5, chunk=5)


def test_blocks_fit_into_memory() -> None:
    film = _film(2000)
    few = cx.fit(Cell(), film, _truth(film), memory="100 KiB")
    all_at_once = cx.fit(Cell(), film, _truth(film), memory="1 GiB")
    assert few.sizes["step"] > 1
    assert all_at_once.sizes["step"] == 1
    with pytest.raises(cx.ContractError, match="memory: wanted room for one step"):
        cx.fit(Cell(), film, _truth(film), memory=10)


def test_a_fit_that_never_improved_says_so() -> None:
    film = _film()
    still = partial(torch.optim.SGD, lr=0.0)
    with pytest.warns(UserWarning, match=r"no epoch made the loss of training less than it was at the start \("):
        fitted = cx.fit(Cell(), film, _truth(film), optimizer=still)
    assert fitted.attrs["best_epoch"] == 0
    with pytest.warns(UserWarning, match="no epoch made the loss of validation less"):
        cx.fit(Cell(), film, _truth(film), optimizer=still, validation=0.2)


class Called(cx.Layer):
    """Parameters called as what a fit tells."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("loss", "epoch", "samples", "split"):
            setattr(self, name, torch.nn.Parameter(torch.tensor(0.5)))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.loss + self.epoch + self.samples + self.split


def test_parameters_called_as_what_a_fit_tells() -> None:
    film = _film()
    model = Called()
    fitted = cx.fit(model, film, film, epochs=2)
    assert fitted.loss[-1] < fitted.loss[0] == pytest.approx(cx.fitting.evaluate(Called(), film, film).loss.item())
    for name in ("loss", "epoch", "samples", "split"):
        assert fitted[f"p.{name}"][-1] == getattr(model, name).item()
    assert fitted.epoch.values.tolist() == [0, 1, 2]
    assert fitted.samples.dtype.kind == "i"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": None}, "seed: wanted a whole number from 0 on, got None"),
        ({"seed": -1}, "seed: wanted a whole number from 0 on, got -1"),
        ({"epochs": 1.0}, r"epochs: wanted a whole number from 1 on, got 1\.0"),
        ({"regularizers": [0.1]}, r"regularizers: wanted a list of functions of the model, got \[0\.1\]"),
        ({"regularizers": "l2"}, "regularizers: wanted a list of functions of the model, got 'l2'"),
        ({"regularizers": lambda model: 0.0}, "regularizers: wanted a list of functions of the model"),
        ({"loss": lambda p, r: 0.1}, r"loss <lambda>: wanted a torch\.Tensor, got float"),
    ],
)
def test_arguments_that_are_none(options: dict[str, Any], message: str) -> None:
    film = _film(20)
    with pytest.raises(cx.ContractError, match=message):
        cx.fit(Cell(), film, _truth(film), **options)


def test_numbers_of_numpy_are_numbers() -> None:
    film = _film(20)
    fitted = cx.fit(Cell(), film, _truth(film), epochs=np.int64(2), patience=np.int32(2))
    assert fitted.sizes["epoch"] == 3


def test_other_pixels_are_refused_with_what_helps() -> None:
    film = _film(20)
    with pytest.raises(cx.ContractError, match=r"response: .*Cure: the same pixels of both"):
        cx.fit(cx.filters.LowPass("20 ms"), film, film.isel(x=[0]))


@pytest.mark.filterwarnings("ignore:no epoch made")  # nothing is shown, so nothing is learnt
def test_a_block_is_no_longer_than_pays() -> None:
    """Whatever memory there is: 16 MiB of frames in single precision, a number that no machine changes."""
    steps, side = 300, 128
    film = cx.as_stimulus(np.zeros((steps, side, side), "u1"), dt="1 ms", pixel_size="0.1 deg", units="1")
    model = cx.filters.RF(1, (1, side, side))
    fitted = cx.fit(model, film, film[:, 0, 0].drop_vars(["y", "x"]), memory="8 GiB")
    assert fitted.sizes["step"] == math.ceil(steps / (2**24 // (4 * side * side)))


def test_blocks_of_the_source_count_as_memory() -> None:
    film = _film(2000)
    with pytest.raises(cx.ContractError, match="memory: wanted room for one step"):
        cx.fit(Cell(), film.chunk(time=2000), _truth(film), memory="100 KiB")


def test_the_scores_are_those_of_the_best_parameters() -> None:
    """They are kept from its epoch, not computed once more: the same to the last bit."""
    film, model = _film(), Cell()
    leaps = partial(torch.optim.lr_scheduler.LambdaLR, lr_lambda=lambda epoch: 1.0 if epoch < 3 else 1e4)
    fitted = cx.fit(model, film, _truth(film), optimizer="Adam", scheduler=leaps, epochs=6, chunk=20)
    assert 0 < fitted.attrs["best_epoch"] < 6
    again = cx.fitting.evaluate(model, film, _truth(film), chunk=20)
    for name in ("correlation", "explained_variance"):
        np.testing.assert_array_equal(fitted[name][0], again[name])


def test_no_thread_reads_on_after_an_error() -> None:
    film, model = _film(), Cell()
    truth = _truth(film)
    with pytest.raises(cx.ConvisError) as held:
        cx.fit(model, film, truth, optimizer=partial(torch.optim.SGD, lr=1e30), chunk=20)
    assert held.tb is not None
    assert not [one for one in threading.enumerate() if one.name.startswith("convis_xr reader")]
