"""The rank of a kernel: found from its values to their own rounding, and no more."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convis_xr.kernels.convolution import causal_convolution, costs
from convis_xr.kernels.convolution.low_rank import TOLERANCE, decompose
from tests.agreement import relative


def separable(terms: int, dtype: str, lag: int = 12, height: int = 7, width: int = 6) -> np.ndarray:
    source = np.random.default_rng(terms)
    made = sum(
        np.einsum("k,m,n->kmn", *(source.standard_normal(size) for size in (lag, height, width))) for _ in range(terms)
    )
    return np.asarray(made, dtype)[None, None]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("terms", [1, 2, 3])
def test_a_sum_of_products_is_found_and_gives_the_kernel_back(terms: int, dtype: str) -> None:
    weight = separable(terms, dtype)
    products = decompose(weight)[0][0]
    assert len(products) == terms
    if terms == 1:
        assert len(products[0].y) == len(products[0].x) == 1
    back = sum(np.einsum("k,sm,sn->kmn", *(part.astype(float) for part in product)) for product in products)
    assert relative(back, weight[0, 0]) < 4 * TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_a_little_more_than_a_product_is_not_taken_for_one(dtype: str) -> None:
    weight = separable(1, dtype)
    weight[0, 0, 3, 2, 1] += 30 * TOLERANCE[dtype] * np.linalg.norm(weight)
    assert len(decompose(weight)[0][0]) == 2


def test_a_kernel_of_zeros_has_no_products_and_gives_zeros() -> None:
    weight = torch.zeros(1, 1, 3, 2, 2)
    assert decompose(weight.numpy()) == (((),),)
    x = torch.rand(1, 1, 4, 3, 3)
    assert not causal_convolution(x, x[:, :, :2], weight, method="low_rank")[0].any()


def test_each_kernel_has_its_own_rank() -> None:
    weight = np.concatenate([separable(1, "float64"), separable(2, "float64")], axis=1)
    assert [len(products) for products in decompose(weight)[0]] == [1, 2]


def test_a_product_is_cheaper_by_passes_but_not_where_it_is_being_fitted() -> None:
    weight = torch.from_numpy(separable(1, "float32"))
    assert costs(weight, (40, 40)).best == "low_rank"
    assert costs(weight, (40, 40), low_rank_too=False).best != "low_rank"
    x = torch.rand(1, 1, 30, 40, 40)
    history = torch.rand(1, 1, 11, 40, 40)
    wanted, _ = causal_convolution(x.double(), history.double(), weight.double())
    fitted = weight.clone().requires_grad_()
    for given in (weight, fitted):
        assert relative(causal_convolution(x, history, given)[0].detach().double(), wanted) < 1e-6
    y, _ = causal_convolution(x, history, fitted)
    (gradient,) = torch.autograd.grad(y.sum(), fitted)
    seen = torch.cat((history, x), dim=2).double()
    assert relative(gradient[0, 0, 0, 3, 3].double(), seen[:, :, 11:].sum()) < 1e-6  # the tap at the origin
