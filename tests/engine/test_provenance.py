"""What a result says of itself."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch

import convis_xr as cx
from convis_xr.engine.provenance import differences, digest
from tests.engine.cases import Cells, film


def facts(model: Any, **options: Any) -> dict[str, Any]:
    return json.loads(cx.run(model, film(), **options).attrs["convis_xr_provenance"])


def test_it_tells_parameters_with_units_versions_and_seed() -> None:
    told = facts(Cells(), seed=4, start=10, initial="0.5")
    assert told["model"]["parameters"]["low.tau"] == {"value": 0.02, "units": "s"}
    assert told["model"]["settings"]["cell"]["seed"] == 0
    assert told["model"]["class"].endswith("cases.Cells")
    assert told["versions"]["torch"] == torch.__version__
    assert told["versions"]["convis_xr"] == cx.__version__
    assert (told["seed"], told["initial"], told["outputs"]) == (4, "0.5", ["spikes"])
    assert told["stimulus"]["sizes"] == {"time": 50, "y": 5, "x": 6}
    assert told["stimulus"]["first_sample"] == 10
    assert told["stimulus"]["attrs"]["units"] == "1"


def test_large_arrays_are_told_by_their_digest() -> None:
    class Large(cx.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(5000))
            self.register_buffer("mask", torch.ones(3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.weight.mean() * self.mask.mean()

    told = facts(Large())["model"]
    assert told["parameters"]["weight"].keys() == {"shape", "sha256", "units"}
    assert told["buffers"]["mask"]["value"] == [1.0, 1.0, 1.0]


def test_two_like_runs_tell_the_same_in_every_process() -> None:
    class Odd(torch.nn.Module):
        def __repr__(self) -> str:
            return object.__repr__(self)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    class Holding(cx.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.odd = Odd()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.odd(x)

    one, other = facts(Holding()), facts(Holding())
    assert one == other
    assert "0x" not in one["model"]["repr"]


def test_differences_are_named_by_path() -> None:
    one = {"model": {"tau": 1, "long": "a" * 99}, "stimulus": {"source": "a.zarr"}}
    other = {"model": {"tau": 2, "long": "a" * 98}, "stimulus": {"source": "b.zarr"}}
    assert differences(one, one) == []
    assert [text.split(" ")[0] for text in differences(one, other)] == ["model.tau", "model.long"]
    assert max(map(len, differences(one, other))) < 160


def test_digests_see_every_bit() -> None:
    values = np.zeros((2, 3), "f4")
    assert digest(values) == digest(np.asfortranarray(values))
    assert digest(values) != digest(values.reshape(3, 2))
    values[1, 2] = np.nextafter(np.float32(0), np.float32(1))
    assert digest(values) != digest(np.zeros((2, 3), "f4"))
