"""Many small kernels on a graphics card without the processor's time to launch each: recorded once, then replayed."""

from __future__ import annotations

from collections.abc import Callable

import torch

#: steps that are recorded together; recording costs what launching them once does
BLOCK = 16


def in_blocks(run: Callable[[int], None], steps: int, device: torch.device) -> None:
    """Do ``run(1)`` ``steps`` times, on a card as a CUDA graph of `BLOCK` of them.

    Parameters
    ----------
    run : callable of a number of steps
        Launches the kernels of so many steps. Where it has come to it must keep on the device, in tensors that are
        always the same, and it must not ask for memory.
    steps : int
        How many in all.
    device : torch.device
        On a processor everything is launched one by one.

    Examples
    --------
    >>> at = torch.zeros(())
    >>> in_blocks(lambda n: [at.add_(1) for _ in range(n)], 40, at.device)
    >>> int(at)
    40
    """
    whole = (steps - 1) // BLOCK if device.type == "cuda" else 0
    run(steps - whole * BLOCK)  # also compiles the kernels, which must not happen while recording
    if whole:
        graph = torch.cuda.CUDAGraph()
        # threads that copy chunks to and fro may ask the driver for memory meanwhile: only this thread is recorded
        with torch.cuda.device(device), torch.cuda.graph(graph, capture_error_mode="thread_local"):
            run(BLOCK)
        for _ in range(whole):
            graph.replay()
