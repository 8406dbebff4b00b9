from __future__ import annotations

import pytest
import torch

from convis_xr.kernels.scalars import number


@pytest.mark.parametrize("value", [0.5, torch.tensor(0.5), torch.tensor(0.5, requires_grad=True)])
def test_a_number_is_a_float_without_a_warning(value: float | torch.Tensor) -> None:
    assert type(number(value)) is float
    assert number(value) == 0.5
