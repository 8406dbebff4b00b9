"""The blur's Triton kernels: the definition's numbers, no neighbour's influence."""

from __future__ import annotations

import pytest
import torch

from convis_xr.kernels.dispatch import force
from convis_xr.kernels.gaussian import gaussian_blur
from tests.kernels.card import DEVICE, needs_triton
from tests.kernels.gaussian.test_blur import SHAPES, dtypes, frames
from tests.kernels.tolerance import assert_near

pytestmark = needs_triton


#: every shape, with a kernel of another width each time; what a program's last pixels see is in the long ones
CASES = [*zip(SHAPES, [9.0, (0.3, 6.0), 2.0, 0.0, (1.5, 0.0), 2.0, (0.3, 6.0), 1.0], strict=True), (SHAPES[3], 9.0)]


@pytest.mark.parametrize(("shape", "sigma"), CASES, ids=str)
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
    x = frames(3, 2, 13, 17, dtype=torch.float32).to(DEVICE)
    with force("triton"):
        whole = gaussian_blur(x, (1.3, 2.0))
        assert torch.equal(gaussian_blur(x[1:2, 1], (1.3, 2.0)), whole[1:2, 1])
        assert torch.equal(gaussian_blur(x.mT.contiguous().mT, (1.3, 2.0)), whole)


def test_where_a_gradient_is_wanted_it_is_refused():
    with force("triton"), pytest.raises(RuntimeError, match="gaussian_blur: the route 'triton' is forced"):
        gaussian_blur(frames(3, 4).requires_grad_(), 1.0)
