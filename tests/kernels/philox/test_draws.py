"""The integers are Philox's own, and a draw is a function of its indices alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from convis_xr.kernels import dispatch, philox
from convis_xr.kernels.philox import loops, reference

# Random123's known-answer vectors for philox4x32 with 10 rounds: counter, key, result.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
KEY = philox.key_of(1, "layer")
DRAWS = {"uniform": philox.uniform, "normal": philox.normal}
CELLS = torch.arange(100_000)


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_known_answers(counter, key, answer):
    assert tuple(int(word) for word in reference.philox4x32(counter, key)) == answer
    assert tuple(philox.philox4x32(torch.tensor(counter), key).tolist()) == answer
    assert loops.philox4x32(*map(np.uint32, (*counter, *key))) == answer


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("route", ["torch", "compiled"])
@given(
    step=st.integers(0, 2**48 - 1),
    stream=st.integers(0, 15),
    span=st.integers(0, 4095),
    repeat=st.integers(0, 2**32 - 1),
    first=st.integers(0, 2**34 - 300),
)
def test_every_route_draws_what_the_reference_draws(draw, dtype, route, step, stream, span, repeat, first):
    cells = torch.arange(first, first + 300).reshape(3, 100)
    where = {"key": KEY, "step": step, "stream": stream, "span": span, "repeat": repeat}
    with dispatch.force(route):
        actual = DRAWS[draw](cells, **where, dtype=dtype)
    expected = torch.from_numpy(getattr(reference, draw)(cells.numpy(), **where))
    atol = 0 if draw == "uniform" else 1e-6 if dtype == torch.float32 else 1e-14
    assert actual.dtype == dtype
    torch.testing.assert_close(actual.double(), expected, rtol=0, atol=atol)


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("route", ["reference", "torch", "compiled"])
@given(order=st.permutations(range(8)))
def test_a_draw_does_not_know_its_company(draw, route, order):
    cells = CELLS[:2048]
    with dispatch.force(route):
        whole = DRAWS[draw](cells, key=KEY, step=3, stream=0)
        for part in order:
            piece = cells[part::8][: 100 + part]
            assert torch.equal(DRAWS[draw](piece, key=KEY, step=3, stream=0), whole[part::8][: 100 + part])


@pytest.mark.parametrize("like", [np.float32(0), np.float64(0)])
def test_tiles_of_normals_have_the_bits_of_single_ones(like):
    out = np.empty((2, 256), type(like))
    rest = tuple(map(np.uint32, (5, 6, 7, *KEY)))
    loops.tiles_of_normals(out, 2, np.uint32(192), *rest)
    single = [loops.normal_of_cell(768 + i, *rest, like) for i in range(512)]
    assert np.array_equal(out.reshape(-1), np.array(single, type(like)))


def test_normals_are_normal():
    z = philox.normal(CELLS, key=KEY, step=0, stream=0, dtype=torch.float64).numpy()
    n = len(z)
    assert abs(z.mean()) < 4 / n**0.5
    assert abs(z.var() - 1) < 4 * (2 / n) ** 0.5
    assert abs(stats.kurtosis(z)) < 4 * (24 / n) ** 0.5
    assert stats.kstest(z, "norm").pvalue > 0.01


def test_uniforms_are_uniform():
    u = philox.uniform(CELLS, key=KEY, step=0, stream=0).numpy()
    assert 0 < u.min() < u.max() < 1
    assert stats.kstest(u, "uniform").pvalue > 0.01


@pytest.mark.parametrize(
    "change",
    [{"step": 1}, {"step": 2**32}, {"stream": 1}, {"span": 1}, {"repeat": 1}, {"key": philox.key_of(2, "layer")}],
    ids=str,
)
def test_draws_for_different_ends_are_independent(change):
    where = {"key": KEY, "step": 0, "stream": 0, "span": 0, "repeat": 0}
    one = philox.normal(CELLS, **where)
    other = philox.normal(CELLS, **(where | change))
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / len(CELLS) ** 0.5


@pytest.mark.parametrize("lag", [1, 64, 128, 256])
def test_neighbours_are_independent(lag):
    z = philox.normal(CELLS, key=KEY, step=0, stream=0, dtype=torch.float64).numpy()
    for power in (1, 2):  # the two halves of a Box-Muller pair share a radius: their squares would tell
        assert abs(np.corrcoef(z[lag:] ** power, z[:-lag] ** power)[0, 1]) < 4 / len(z) ** 0.5


@pytest.mark.parametrize("bad", [1.5, "1", None])
def test_a_seed_is_a_whole_number(bad):
    with pytest.raises(ValueError, match="seed: wanted a whole number, got"):
        philox.key_of(bad, "layer")
    assert philox.key_of(np.int64(1), "layer") == philox.key_of(1, "layer")


def test_keys_differ_in_seed_and_path():
    keys = {philox.key_of(seed, path) for seed in (0, 1, 11, -1, 2**100) for path in ("a", "b", "1a", "")}
    assert len(keys) == 20


@pytest.mark.parametrize("bad", [{"step": -1}, {"step": 2**48}, {"stream": 16}, {"span": 4096}, {"repeat": 2**32}])
def test_an_index_out_of_range_is_refused(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))}: wanted an integer from 0 to"):
        philox.uniform(CELLS[:2], **({"key": KEY, "step": 0, "stream": 0} | bad))


def test_a_cell_out_of_range_is_refused():
    with pytest.raises(ValueError, match="cells: wanted indices from 0"):
        philox.normal(torch.tensor([2**34]), key=KEY, step=0, stream=0)
