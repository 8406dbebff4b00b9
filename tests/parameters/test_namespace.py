from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import convis_xr as cx
from convis_xr.parameters import Namespace


class Part(cx.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.tau = cx.Parameter("10 ms")
        self.sigma = cx.Parameter("0.05 deg")
        self.register_state("last")


class Model(cx.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.center = Part()
        self.surround = Part()
        self.g_leak = cx.Parameter("50 Hz")
        self.mix = torch.nn.Conv3d(1, 1, 1)


def _completions(text: str, model: Model) -> set[str]:
    config = Config()
    config.HistoryManager.enabled = False
    config.Completer.use_jedi = False
    shell = InteractiveShell(config=config)
    shell.user_ns["model"] = model
    with provisionalcompleter():
        found = shell.Completer.completions(text, len(text))
        return {completion.text.rpartition(".")[2] for completion in found}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("model.p.", ["center", "g_leak", "mix", "surround"]),
        ("model.p.center.", ["sigma", "tau"]),
        ("model.p.cen", ["center"]),
        ("model.p._search.", ["bias", "center", "g_leak", "mix", "sigma", "surround", "tau", "weight"]),
        ("model.p._search.tau.", ["center_tau", "surround_tau"]),
        ("model.p._all.cen", ["center_sigma", "center_tau"]),
        ("model.s.", ["center", "surround"]),
        ("model.s.center.", ["last"]),
        ("model.m.", ["center", "mix", "surround"]),
        ("model.user_parameters.", ["center", "g_leak", "surround"]),
    ],
)
def test_tab_completion_in_ipython(text: str, wanted: list[str]) -> None:
    methods = {name for name in dir(Namespace) if not name.startswith("_")}
    assert _completions(text, Model()) - methods == set(wanted)


def test_reached_by_attribute_path_flat_list_and_search() -> None:
    model = Model()
    for found in (
        model.p.center.tau,
        model.p["center.tau"],
        model.p.center["tau"],
        model.p._all.center_tau,
        model.p._search.tau.center_tau,
    ):
        assert found is model.center.tau
    assert list(model.p) == [name for name, _ in model.named_parameters()]
    assert len(model.user_parameters) == 5
    assert "center.tau" in model.p
    assert "center" in model.p
    assert "nothing" not in model.p
    assert model.p.get("nothing") is None


def test_assignment_sets_in_place_with_units() -> None:
    model = Model()
    before = model.center.tau
    model.p.center.tau = "5 ms"
    assert model.center.tau is before
    assert before.item() == 0.005
    model.p["center.tau"] = "6 ms"
    model.p._all.center_sigma = "6 arcmin"
    model.p._search.leak.g_leak = "20 Hz"
    assert [model.center.tau.item(), model.center.sigma.item(), model.g_leak.item()] == pytest.approx([0.006, 0.1, 20])
    with pytest.raises(cx.UnitError, match="tau: wanted a time"):
        model.p.center.tau = 5
    model.p.mix.bias = [0.25]
    assert model.mix.bias.tolist() == [0.25]
    with pytest.raises(cx.ParameterError, match="bias: wanted shape"):
        model.p.mix.bias = [1.0, 2.0]
    model.s.center.last = torch.ones(1)
    assert model.center.last.tolist() == [1]


def test_unknown_names_suggest_the_nearest() -> None:
    model = Model()
    with pytest.raises(AttributeError, match=r"wanted one of .*center.*, got centre. Cure: center"):
        _ = model.p.centre
    with pytest.raises(AttributeError, match=r"got tua. Cure: tau"):
        model.p.center.tua = "5 ms"
    with pytest.raises(KeyError, match=r"got center.tua. Cure: center.tau"):
        _ = model.p["center.tua"]
    assert not hasattr(model.p, "centre")
    with pytest.raises(cx.ParameterError, match="mix: wanted a parameter or state"):
        model.m.mix = 3


def test_repr_lists_the_names_below() -> None:
    text = repr(Model().p)
    assert "center: tau, sigma" in text
    assert "g_leak: Parameter(g_leak: 50 Hz)" in text
    numbered = torch.nn.Sequential(Part())
    assert repr(Namespace(dict(numbered.named_parameters()), "Parameters")) == "Parameters\n  0: tau, sigma"


names = st.text("abcxyz_0", min_size=1, max_size=4)
trees = st.recursive(
    st.integers(), lambda below: st.dictionaries(names, below, min_size=1, max_size=3), max_leaves=12
).filter(lambda tree: isinstance(tree, dict))


@given(trees)
def test_dict_round_trip(tree: dict[str, Any]) -> None:
    flat = Namespace.from_nested(tree)
    assert flat.to_nested() == tree
    assert Namespace(dict(flat)).to_nested() == tree
