"""The blur's Triton kernels: the definition's numbers, no neighbour's influence, and a card's machine code."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from convis_xr.kernels.dispatch import force
from convis_xr.kernels.gaussian import gaussian_blur
from tests.kernels.card import DEVICE, compiled, needs_triton
from tests.kernels.gaussian.test_blur import SHAPES, dtypes, frames
from tests.kernels.tolerance import assert_near

pytestmark = needs_triton


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("sigma", [0.0, 2.0, (1.5, 0.0), (0.3, 6.0)], ids=str)
@dtypes
def test_it_computes_the_definition(shape, sigma, dtype):
    x = frames(*shape, dtype=dtype).to(DEVICE)
    before = x.clone()
    with force("triton"):
        got = gaussian_blur(x, sigma)
    with force("reference"):
        assert_near(got, gaussian_blur(x, sigma))
    assert torch.equal(x, before)


def test_a_frame_has_the_same_bits_alone_and_turned_in_memory():
    x = frames(3, 2, 31, 45, dtype=torch.float32).to(DEVICE)
    with force("triton"):
        whole = gaussian_blur(x, (1.3, 2.0))
        assert torch.equal(gaussian_blur(x[1:2, 1], (1.3, 2.0)), whole[1:2, 1])
        assert torch.equal(gaussian_blur(x.mT.contiguous().mT, (1.3, 2.0)), whole)


def test_where_a_gradient_is_wanted_it_is_refused():
    with force("triton"), pytest.raises(RuntimeError, match="gaussian_blur: the route 'triton' is forced"):
        gaussian_blur(frames(3, 4).requires_grad_(), 1.0)


def test_a_card_can_run_it(tmp_path: Path) -> None:
    place = "convis_xr.kernels.gaussian.triton_loops.blur"
    calls = [f"{place}(torch.zeros(3, 33, 40, dtype=torch.{dtype}), (1.5, 2.5))" for dtype in ("float32", "float64")]
    found = compiled(tmp_path, *calls)
    assert [made["kernel"] for made in found] == ["along_x", "along_y"] * 2
    assert all(made["registers"] <= 64 and made["stack"] == made["shared"] == 0 for made in found)
