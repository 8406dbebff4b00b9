"""Products are in full precision inside the block, and the process' own setting comes back."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch

from convis_xr.kernels.precision import full_precision

SWITCH = torch.backends.cuda.matmul


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = SWITCH.fp32_precision
    yield
    SWITCH.fp32_precision = before


@pytest.mark.parametrize("setting", ["tf32", "ieee"])
def test_the_setting_comes_back(setting: str) -> None:
    SWITCH.fp32_precision = setting
    seen = []

    def fail() -> None:
        with full_precision():
            with full_precision():
                pass
            seen.append(SWITCH.fp32_precision)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert seen == ["ieee"]
    assert SWITCH.fp32_precision == setting


def test_the_setting_comes_back_after_the_last_of_two_threads() -> None:
    SWITCH.fp32_precision = "tf32"
    both_in, one_out = Barrier(2, timeout=10), Barrier(2, timeout=10)

    def first() -> None:
        with full_precision():
            both_in.wait()
        one_out.wait()

    def second() -> str:
        with full_precision():
            both_in.wait()
            one_out.wait()
            return SWITCH.fp32_precision

    with ThreadPoolExecutor(2) as threads:
        job, other = threads.submit(first), threads.submit(second)
        job.result()
        assert other.result() == "ieee"
    assert SWITCH.fp32_precision == "tf32"


def test_the_old_switch_is_heeded() -> None:
    torch.set_float32_matmul_precision("high")
    try:
        with full_precision():
            assert SWITCH.fp32_precision == "ieee"
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no graphics card")
def test_a_card_keeps_all_digits() -> None:
    SWITCH.fp32_precision = "tf32"
    x = torch.rand(64, 64, generator=torch.Generator().manual_seed(0)).cuda()
    with full_precision():
        torch.testing.assert_close((x @ x).double(), x.double() @ x.double(), rtol=1e-5, atol=1e-5)
