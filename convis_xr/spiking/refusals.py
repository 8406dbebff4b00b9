"""What a kernel refuses to compute with is told as an error of this library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from convis_xr.errors import ContractError
from convis_xr.kernels.refused import Refused


@contextmanager
def told() -> Iterator[None]:
    """Turn a kernel's `Refused` into a ContractError of the same words."""
    try:
        yield
    except Refused as error:
        raise ContractError(str(error)) from None
