from __future__ import annotations

import pytest
import torch

from convis_xr.kernels.memory import empty_like


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.uint8])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3), (1024, 2048)])
def test_room_has_shape_and_dtype_and_is_in_one_piece(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    room = empty_like(torch.zeros(shape, dtype=dtype).mT if len(shape) == 2 else torch.zeros(shape, dtype=dtype))
    assert room.dtype == dtype
    assert room.shape == (shape[::-1] if len(shape) == 2 else shape)
    assert room.is_contiguous()


def test_room_is_on_the_device_of_what_it_is_like() -> None:
    assert empty_like(torch.zeros(2, device="meta")).device.type == "meta"
