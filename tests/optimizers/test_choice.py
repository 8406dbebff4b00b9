from __future__ import annotations

import copy
import pickle

import pytest
import torch
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import convis_xr as cx
from convis_xr.filters import LowPass
from convis_xr.optimizers import optimizer_classes

KINDS = [
    ("Adam", {"lr": 0.1}),
    ("LBFGS", {"lr": 0.5, "max_iter": 2}),
    ("CautiousLBFGS", {"lr": 0.1, "max_iter": 2}),
    ("FiniteDifference", {"lr": 0.1, "max_iter": 2}),
]


class Line(cx.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.gain = cx.Parameter(1.0)
        self.offset = cx.Parameter(0.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.gain * x + self.offset


def _train(model: Line, steps: int) -> None:
    x = torch.linspace(-1, 1, 8, dtype=torch.float64)

    def loss() -> torch.Tensor:
        assert model.optimizer is not None
        model.optimizer.zero_grad()
        value = ((model.gain * x + model.offset - 3 * x + 1) ** 2).sum()
        value.backward()
        return value

    for _ in range(steps):
        model.optimizer.step(loss)  # type: ignore[union-attr]


def test_every_optimizer_of_torch_is_offered_and_made_of_the_models_parameters() -> None:
    model = Line()
    offered = dir(model.set_optimizer)
    assert {"Adam", "AdamW", "SGD", "LBFGS", "RMSprop", "Rprop", "Adagrad", "Adadelta", "ASGD", "NAdam"} <= set(offered)
    assert "Optimizer" not in offered
    made = 0
    for name in offered:
        if name == "Muon":  # takes matrices only
            with pytest.raises(ValueError, match="2D"):
                getattr(model.set_optimizer, name)()
            continue
        optimizer = getattr(model.set_optimizer, name)(lr=0.01)
        assert type(optimizer) is optimizer_classes()[name]
        assert model.optimizer is optimizer
        assert [id(value) for value in optimizer.param_groups[0]["params"]] == [
            id(value) for value in model.parameters()
        ]
        made += 1
    assert made == len(offered) - ("Muon" in offered)


def test_own_optimizers_and_own_parameters_can_be_given() -> None:
    model = Line()
    own = torch.optim.SGD(model.parameters(), lr=0.01)
    assert model.set_optimizer(own) is own
    assert model.optimizer is own
    part = model.set_optimizer.SGD([model.gain], lr=0.1)
    assert len(part.param_groups[0]["params"]) == 1


def test_wrong_choices_are_told() -> None:
    model = Line()
    for wrong in ("Adam", None, torch.optim.Adam):
        with pytest.raises(cx.ParameterError, match="set_optimizer: wanted an optimizer"):
            model.set_optimizer(wrong)  # type: ignore[arg-type]
    with pytest.raises(cx.ParameterError, match="this model's parameters"):
        model.set_optimizer(torch.optim.SGD(Line().parameters(), lr=0.1))
    with pytest.raises(AttributeError, match=r"got Adamm. Cure: set_optimizer.Adam"):
        model.set_optimizer.Adamm  # noqa: B018
    with pytest.raises(cx.ParameterError, match="parameters, got none"):
        Bare().set_optimizer.SGD(lr=0.1)
    assert model.optimizer is None


class Bare(cx.Layer):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@pytest.mark.parametrize(("name", "options"), KINDS)
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copied_model_is_trained_on_as_the_first_would_be(name: str, options: dict, duplicate: object) -> None:
    model = Line()
    getattr(model.set_optimizer, name)(**options)
    _train(model, 3)
    other = duplicate(model)  # type: ignore[operator]
    assert other.optimizer is not model.optimizer
    _train(model, 3)
    before = other.gain.item()
    assert before != model.gain.item()
    _train(other, 3)
    assert other.gain.item() == model.gain.item()


@pytest.mark.parametrize(("name", "options"), KINDS)
def test_pop_optimizer_goes_back_in_its_state_too(name: str, options: dict) -> None:
    model = Line()
    optimizer = getattr(model.set_optimizer, name)(**options)
    _train(model, 3)
    model.push_optimizer()
    model.push_parameters()
    _train(model, 3)
    first = model.gain.item()
    model.set_optimizer.SGD(lr=0.5)
    model.pop_optimizer()
    assert model.optimizer is optimizer
    model.pop_parameters()
    _train(model, 3)
    assert model.gain.item() == first
    with pytest.raises(cx.ParameterError, match="pop_optimizer: wanted a push_optimizer before"):
        model.pop_optimizer()


def test_no_optimizer_is_kept_as_none() -> None:
    model = LowPass()
    model.push_optimizer()
    model.set_optimizer.SGD(lr=0.1)
    model.pop_optimizer()
    assert model.optimizer is None


def test_tab_completion_in_ipython() -> None:
    config = Config()
    config.Completer.use_jedi = False
    shell = InteractiveShell(config=config)
    shell.user_ns["model"] = Line()
    text = "model.set_optimizer."
    with provisionalcompleter():
        found = {completion.text for completion in shell.Completer.completions(text, len(text))}
    assert set(optimizer_classes()) <= {name.lstrip(".") for name in found}
