"""How a Triton kernel is started: on the card that the tensors are on, and by the rules that all kernels share.

Only the `triton_loops.py` of an operation import this, when their route is taken: Triton is an extra.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor


def launch(kernel: Any, programs: int, like: Tensor, *arguments: object, **options: object) -> None:
    """Start a kernel on the card of a tensor.

    A product and a sum are never fused into one rounding: so a value has the bits that the compiled loops give it, and
    they depend neither on how the compiler unrolls a loop nor on the lengths for which it specialises the kernel.

    Parameters
    ----------
    kernel : triton.JITFunction
        The kernel; it asks for ``program_id(0)`` only.
    programs : int
        Number of programs; with 0 nothing is started.
    like : Tensor
        Any of the tensors.
    *arguments, **options
        What the kernel takes: tensors, numbers, constants; ``num_warps``.
    """
    if not programs:
        return
    # In the interpreter numpy does the work, and would warn of what a card computes in silence.
    with torch.cuda.device_of(like), np.errstate(all="ignore"):
        kernel[(programs,)](*arguments, enable_fp_fusion=False, **options)
