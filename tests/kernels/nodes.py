"""How large a graph autograd keeps."""

from __future__ import annotations

import torch


def nodes_behind(y: torch.Tensor) -> int:
    """Count the nodes that a backward pass from a tensor goes through."""
    waiting, seen = [y.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting.extend(after for after, _ in node.next_functions)
    return len(seen)
