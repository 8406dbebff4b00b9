"""Gradients through whole models: those of torch's own operations, and the same for every cut of time."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

import convis_xr as cx
from convis_xr.context import InputInfo
from convis_xr.kernels import dispatch

MODELS: dict[str, Callable[[], cx.Layer]] = {
    "retina": lambda: cx.models.Retina("primate", spikes=False, input_range=1.0),
    "LN": lambda: cx.models.LN((7, 3, 5)).double(),
}
STEPS = 70


def gradients(name: str, route: dispatch.Route, cuts: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """Of the film, and of every parameter, for a loss of all outputs; the state goes from chunk to chunk."""
    model = MODELS[name]()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in model.parameters():
            if value.dim():
                value.copy_(torch.randn(value.shape, dtype=value.dtype, generator=generator))
    if name == "retina":
        model.bipolar.adaptation_gain, model.opl.undershoot.weight = "60 Hz", 0.6  # type: ignore[union-attr]
    info = InputInfo(cx.Sampling("1 ms", ("0.1 deg", "0.07 deg")), "1", (0, 1))
    x = torch.rand(1, 1, STEPS, 5, 6, dtype=torch.float64, generator=generator).requires_grad_()
    weight = torch.randn(x.shape, dtype=torch.float64, generator=generator)
    context, loss = model.new_context(info), torch.zeros((), dtype=torch.float64)
    with dispatch.force(route):
        for start, stop in zip((0, *cuts), (*cuts, STEPS), strict=True):
            made = model.advance(context, x[:, :, start:stop])
            outputs = made.values() if isinstance(made, dict) else [made]
            loss = loss + sum((y * weight[:, :, start:stop]).sum() for y in outputs)
    held = {path: value for path, value in model.named_parameters() if value.requires_grad}
    found = torch.autograd.grad(loss, [x, *held.values()], allow_unused=True)
    return {path: grad for path, grad in zip(["film", *held], found, strict=True) if grad is not None}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("cuts", [(), (1, 2, 35, 69)], ids=str)
def test_they_are_those_of_torch_for_every_cut_of_time(name: str, cuts: tuple[int, ...]) -> None:
    wanted, actual = gradients(name, "torch", ()), gradients(name, "compiled", cuts)
    assert wanted.keys() == actual.keys()
    assert len(wanted) >= {"retina": 15, "LN": 3}[name]
    for path, value in wanted.items():
        scale = float(value.abs().max())
        assert math.isfinite(scale), path
        assert float((actual[path] - value).abs().max()) <= 1e-9 * scale, path
    assert sum(bool(value.any()) for value in wanted.values()) >= {"retina": 15, "LN": 3}[name]
