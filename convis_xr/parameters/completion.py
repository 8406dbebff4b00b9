"""Tab completion in IPython, which by itself looks into no class that has properties or ``__getattr__``."""

from __future__ import annotations

import sys


def allow(*kinds: type) -> None:
    """Let IPython read attributes of these classes while it completes ``model.p.<tab>``: ours only look things up.

    Nothing happens outside of IPython.

    Examples
    --------
    >>> allow(dict)
    """
    if "IPython" in sys.modules:
        from IPython.core.guarded_eval import EVALUATION_POLICIES

        EVALUATION_POLICIES["limited"].allowed_getattr.update(kinds)  # type: ignore[attr-defined]
