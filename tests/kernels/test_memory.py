from __future__ import annotations

import pytest
import torch

from convis_xr.kernels.memory import copied, empty_like


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.uint8])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3), (1024, 2048)])
def test_room_has_shape_and_dtype_and_is_in_one_piece(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    room = empty_like(torch.zeros(shape, dtype=dtype).mT if len(shape) == 2 else torch.zeros(shape, dtype=dtype))
    assert room.dtype == dtype
    assert room.shape == (shape[::-1] if len(shape) == 2 else shape)
    assert room.is_contiguous()


def test_room_is_on_the_device_of_what_it_is_like() -> None:
    assert empty_like(torch.zeros(2, device="meta")).device.type == "meta"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
def test_a_copy_is_contiguous_and_its_own(dtype: torch.dtype) -> None:
    x = torch.arange(6, dtype=dtype).view(2, 3).mT
    made = copied(x)
    assert made.is_contiguous()
    assert torch.equal(made, x)
    made += 1
    assert torch.equal(x, torch.arange(6, dtype=dtype).view(2, 3).mT)
    assert copied(torch.zeros(2, device="meta")).device.type == "meta"


def test_a_copy_is_cut_from_the_graph() -> None:
    assert not copied(torch.zeros(2, requires_grad=True)).requires_grad
