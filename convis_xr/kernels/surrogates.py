"""Names of the gradients that stand in for those of spike counts, which are 0 or do not exist."""

from __future__ import annotations

from collections.abc import Sequence


def checked(operation: str, surrogate: str | None, known: Sequence[str]) -> str | None:
    """Return the name, or raise a ValueError if there is no such surrogate.

    Parameters
    ----------
    operation : str
        Who asks, for the error message.
    surrogate : str or None
        The name; None is no gradient.
    known : sequence of str
        Those that there are.

    Returns
    -------
    str or None

    Examples
    --------
    >>> checked("noisy_lif", "superspike", ("superspike",))
    'superspike'
    """
    if surrogate is not None and surrogate not in known:
        wanted = ", ".join(map(repr, known))
        raise ValueError(f"{operation}: surrogate: wanted {wanted} or None, got {surrogate!r}")
    return surrogate
