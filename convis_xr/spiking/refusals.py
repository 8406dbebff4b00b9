"""What a kernel refuses to compute with is told as an error of this library; so are names that it does not know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.kernels.refused import Refused


@contextmanager
def told() -> Iterator[None]:
    """Turn a kernel's `Refused` into a ContractError of the same words."""
    try:
        yield
    except Refused as error:
        raise ContractError(str(error)) from None


def checked_surrogate(name: str | None, known: Sequence[str]) -> str | None:
    """The name of a surrogate gradient, or None; a ParameterError where there is none of that name."""
    if name is not None and name not in known:
        wanted = " or ".join([*(f'"{one}"' for one in known), "None"])
        raise ParameterError(explain("surrogate", wanted=wanted, got=repr(name), cure=f'surrogate="{known[0]}"'))
    return name
