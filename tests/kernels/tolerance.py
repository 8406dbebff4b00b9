"""How far two routes of one operation may differ: one relative and one absolute figure for each dtype."""

from __future__ import annotations

import torch

TOLERANCE = {
    torch.float32: {"rtol": 2e-5, "atol": 2e-6},
    torch.float64: {"rtol": 1e-10, "atol": 1e-12},
}


def assert_near(actual: torch.Tensor, expected: torch.Tensor) -> None:
    """Compare two tensors by the tolerance of the first one's dtype; shapes and dtypes must agree."""
    torch.testing.assert_close(actual, expected, **TOLERANCE[actual.dtype])
