"""Matrix products of float32 in float32, whatever the process has set for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.Lock()
_inside = 0
_before = ""


@contextmanager
def full_precision() -> Iterator[None]:
    """Multiply matrices on a card in their own precision inside the block.

    Where the process allows "tf32", a card keeps 10 bits of each factor: fine for a network, but an error of 1e-3 in a
    filter. torch has one switch for all threads: the last one that leaves such a block sets it back.

    Examples
    --------
    >>> with full_precision():
    ...     torch.backends.cuda.matmul.fp32_precision in ("ieee", "none")
    True
    """
    global _inside, _before
    switch = torch.backends.cuda.matmul
    with _lock:
        if not _inside:
            _before = switch.fp32_precision
        if switch.fp32_precision not in ("ieee", "none"):
            switch.fp32_precision = "ieee"
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside and switch.fp32_precision != _before:
                switch.fp32_precision = _before
