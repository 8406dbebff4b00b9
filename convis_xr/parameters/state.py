"""`State`: what a layer carries from one chunk to the next."""

from __future__ import annotations

from typing import Any

import torch


class State:
    """One named value of a layer that is carried in time; None before the first chunk.

    Parameters
    ----------
    value : Tensor, optional
        What it holds at the start.
    units : str
        Its unit.
    doc : str
        What it is.
    primed : bool
        Whether it follows the input that is assumed before the first frame (`run(initial=)`); a membrane or a step
        counter does not.

    Examples
    --------
    >>> voltage = State(units="1", doc="membrane potential")
    >>> voltage.set(torch.zeros(2)).get()
    tensor([0., 0.])
    """

    def __init__(
        self, value: torch.Tensor | None = None, *, units: str = "1", doc: str = "", primed: bool = True
    ) -> None:
        self.value = value
        self.units = units
        self.doc = doc
        self.primed = primed

    def get(self) -> torch.Tensor | None:
        """The value."""
        return self.value

    def set(self, value: torch.Tensor | None) -> State:
        """Replace the value. Returns the state itself."""
        self.value = None if value is None else compact(value)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """A copy has no part in the graph that computed the value."""
        return {**self.__dict__, "value": None if self.value is None else self.value.detach().clone()}

    def __repr__(self) -> str:
        held = "not begun" if self.value is None else f"shape {tuple(self.value.shape)}"
        return f"State({held}, {self.units})" + (f"  # {self.doc}" if self.doc else "")


def compact(value: torch.Tensor) -> torch.Tensor:
    """A value that does not keep a whole chunk alive: the last sample of a chunk is a view of it."""
    wasteful = value.untyped_storage().nbytes() > 2 * value.numel() * value.element_size()
    return value.clone() if wasteful else value
