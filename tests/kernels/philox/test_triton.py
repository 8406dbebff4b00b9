"""The draws of a card: the definition's integers, the compiled loops' bits."""

from __future__ import annotations

import pytest
import torch

from convis_xr.kernels.dispatch import force
from convis_xr.kernels.philox import key_of, normal, uniform
from convis_xr.kernels.philox.counters import CELLS
from tests.kernels.card import DEVICE, needs_triton
from tests.kernels.tolerance import assert_near

pytestmark = needs_triton

KEY = key_of(3, "ganglion.spikes")
#: Keys, steps and trials at the ends of their words, and spans and streams at theirs.
PLACES = [
    {"key": KEY, "step": 0, "stream": 0},
    {"key": (0, 1), "step": 1, "stream": 1},
    {"key": (2**32 - 1, 2**31), "step": 2**32 - 1, "stream": 15, "span": 4095, "repeat": 2**32 - 1},
    {"key": KEY, "step": 2**48 - 1, "stream": 3, "span": 1, "repeat": 1},
]
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def on_routes(draw, cells, **place):
    """What the reference, the compiled loops and the card draw."""
    with force("reference"):
        wanted = draw(cells, **place)
    with force("compiled"):
        bits = draw(cells, **place)
    with force("triton"):
        return wanted, bits, draw(cells.to(DEVICE), **place).cpu()


@DTYPES
@pytest.mark.parametrize("place", PLACES, ids=str)
def test_uniform_draws_are_those_of_the_definition(place, dtype):
    cells = torch.cat([torch.arange(260), torch.arange(CELLS - 70, CELLS)])
    wanted, _, got = on_routes(uniform, cells, dtype=dtype, **place)
    assert torch.equal(got, wanted)


@DTYPES
@pytest.mark.parametrize("place", PLACES, ids=str)
def test_normal_draws_are_those_of_the_definition(place, dtype):
    cells = torch.cat([torch.arange(260), torch.arange(CELLS - 70, CELLS)])
    wanted, bits, got = on_routes(normal, cells, dtype=dtype, **place)
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-6)
    if dtype == torch.float32:
        assert torch.equal(got, bits)
    else:
        assert_near(got, wanted)


def test_many_normal_draws_have_the_bits_of_the_compiled_loops():
    cells = torch.arange(20_000)
    _, bits, got = on_routes(normal, cells, key=KEY, step=5, stream=0)
    assert torch.equal(got, bits)


@pytest.mark.parametrize("shape", [(0,), (1,), (3, 0), (255,), (256,), (257,), (2, 3, 5, 7)], ids=str)
def test_any_shape_and_order_of_cells_will_do(shape):
    cells = torch.randint(0, 10_000, shape, generator=torch.Generator().manual_seed(0))
    for draw in (uniform, normal):
        _, bits, got = on_routes(draw, cells, key=KEY, step=1, stream=2)
        assert torch.equal(got, bits)
        *_, turned = on_routes(draw, cells.movedim(0, -1), key=KEY, step=1, stream=2)
        assert torch.equal(turned, got.movedim(0, -1))
