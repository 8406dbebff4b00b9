"""Models, and a user's own."""

from __future__ import annotations

import torch

import convis_xr as cx
from tests.properties.cases.case import Case


class Stack(cx.Layer):
    """A user's own model, with plain torch within."""

    def __init__(self) -> None:
        super().__init__()
        self.first = cx.filters.LowPass("7 ms")
        self.mix = torch.nn.Conv3d(2, 3, 1)
        self.last = cx.filters.Conv3d(3, (6, 3, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.last(self.mix(self.first(x))))


def _loop(layer: cx.models.Feedback, seed: int) -> None:
    """A loop that settles, with weights of both signs."""
    channels, lags = layer.weight.shape
    layer.set_weight(torch.randn(channels, lags, generator=torch.Generator().manual_seed(seed)) * 0.3 / lags)


def _feedback() -> cx.Layer:
    layer = cx.models.Feedback(5, channels=2)
    _loop(layer, 1)
    return layer


def _with_feedback(kind: type[cx.models.LNFDLNF], **options: object) -> cx.Layer:
    model = kind((4, 3, 3), in_channels=2, hidden_channels=2, feedback_length=3, **options)
    _loop(model.feedback1, 1)
    _loop(model.feedback2, 2)
    return model


def _cascade() -> cx.Layer:
    model = cx.models.LNCascade(1, (3, 3, 3), "softplus", in_channels=2, out_channels=2)
    model.add_layer(cx.filters.LowPass("7 ms"), torch.tanh)
    model.add_layer(None, "exp")
    model.add_layer(cx.filters.Conv3d(2, (3, 2, 2)), cx.filters.PartialHighPass("9 ms", 0.5))
    return model


def _nested() -> cx.Layer:
    """Containers within containers, and models within them."""
    pathways = cx.models.Parallel(
        on=cx.models.LN((3, 3, 3), nonlinearity="softplus", in_channels=2),
        off=cx.models.Sequential(
            cx.filters.GammaLowPass("5 ms", 1), cx.models.LNLN((2, 2, 2), True, "tanh", in_channels=2)
        ),
        combine="sum",
    )
    return cx.models.Sequential(cx.filters.LowPass("7 ms"), pathways, cascade=cx.models.LNCascade(1, (3, 3, 3), "tanh"))


def _film_to_cells() -> cx.Layer:
    """A stage of the retina, and a model that follows it."""
    bipolar = cx.models.Pick(cx.models.Retina("primate"), "bipolar")
    return cx.models.Sequential(bipolar, cx.models.LN((3, 3, 3), in_channels=2))


def _glm() -> cx.Layer:
    basis = cx.filters.kernels.raised_cosines(3, "2 ms", "9 ms", dt="2 ms")
    made = cx.models.GLM((3, 4, 4), cells=2, history=basis, coupling=basis, in_channels=2)
    made.stimulus.set_weight(-0.04 * torch.rand(2, 2, 3, 4, 4))
    made.stimulus.bias = [4.0, 5.0]
    made.history, made.coupling = torch.full((2, 3), -0.5), torch.full((2, 2, 3), 0.3)
    return made


CASES = [
    Case("L", lambda: cx.models.L((5, 3, 3), in_channels=2), rounding=True),
    Case("LN", lambda: cx.models.LN((5, 3, 3), in_channels=2), rounding=True),
    Case("LN, one cell", lambda: cx.models.LN((5, 4, 4), population=False, in_channels=2), rounding=True),
    Case("RFN", lambda: cx.models.RFN((5, 4, 4), nonlinearity="softplus", in_channels=2), rounding=True),
    Case("LNLN", lambda: cx.models.LNLN((3, 3, 3), in_channels=2, hidden_channels=3), rounding=True),
    Case("LNLN, one cell", lambda: cx.models.LNLN((3, 3, 3), False, "softplus", in_channels=2), rounding=True),
    Case(
        "LNLNLN", lambda: cx.models.LNLNLN((2, 3, 3), nonlinearity="tanh", in_channels=2), rounding=True, spreads=True
    ),
    Case(
        "LNLNLNLN",
        lambda: cx.models.LNLNLNLN((2, 3, 3), nonlinearity="softplus", in_channels=2),
        rounding=True,
        spreads=True,
    ),
    Case("GLM", _glm, smooth=False, close=False, rounding=True),
    Case("LNCascade", _cascade, rounding=True),
    Case("Feedback", _feedback),
    Case("LNFDLNF", lambda: _with_feedback(cx.models.LNFDLNF, delay="5 ms", nonlinearity="softplus"), rounding=True),
    Case("LNFDSNF", lambda: _with_feedback(cx.models.LNFDSNF, delay="5 ms", nonlinearity="softplus"), rounding=True),
    Case("McIntosh", lambda: cx.models.McIntosh((4, 3, 3), in_channels=2, out_channels=2), rounding=True),
    Case(
        "McIntosh, all, with noise",
        lambda: cx.models.McIntosh((4, 3, 3), (2, 1, 1), in_channels=2, readout="all", frame=(5, 6), noise=0.2),
        rounding=True,
    ),
    Case("List", lambda: cx.models.List(cx.filters.LowPass("7 ms"), "tanh", cx.filters.Gaussian("0.1 deg"))),
    Case(
        "List, parallel",
        lambda: cx.models.List(cx.filters.LowPass("7 ms"), "softplus", mode="parallel", combine="product"),
        rounding=True,  # exponentials of torch depend on the place in a vector
        counts=True,
    ),
    Case(
        "Dict, a Dataset of named outputs",
        lambda: cx.models.Dict(
            fast=cx.filters.LowPass("3 ms"), slow=cx.filters.LowPass("9 ms"), mode="parallel", combine="none"
        ),
    ),
    Case("Sequential, nested", _nested, rounding=True, spreads=True),
    Case(
        "Parallel",
        lambda: cx.models.Parallel(
            cx.filters.LowPass("3 ms"), cx.filters.Conv3d(2, (3, 3, 3)), combine="mean", dim="channel"
        ),
        rounding=True,
    ),
    Case(
        "Sequential to spikes",
        lambda: cx.models.Sequential(cx.filters.LowPass("3 ms"), cx.spiking.NoisyLIF()),
        units="Hz",
        most=400.0,
        smooth=False,
        close=False,
    ),
    Case("Sequential after a stage of the retina", _film_to_cells, rounding=True, close=False, noiseless=True),
    Case("Pick", lambda: cx.models.Pick(cx.models.Retina("primate", spikes=False), "magno_on_current")),
    # plain torch modules compute in their own precision
    Case("a user's own", Stack, rounding=True, smooth=False, close=False),
]
