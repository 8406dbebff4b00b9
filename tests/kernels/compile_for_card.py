"""Compile the Triton kernels that a call starts, for a card that need not be there, and print what they take of it.

    python compile_for_card.py "expression" ...

Run by `tests.kernels.card.compiled`, in a process without ``TRITON_INTERPRET``: the interpreter takes code that the
compiler refuses. Each kernel is compiled for the very arguments of its launch, down to the machine code of an H100.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.backends.nvidia.driver import CudaDriver

from convis_xr.kernels import card

CUOBJDUMP = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"


class Absent(CudaDriver):
    """The driver of a card that is not there: enough to compile for it."""

    def __init__(self) -> None:
        self.get_current_device = lambda: 0
        self.get_current_stream = lambda device: 0

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", 90, 32)


def main(expressions: list[str]) -> None:
    triton.runtime.driver.set_active(Absent())
    found: list[dict[str, Any]] = []

    def compile_only(kernel: Any, programs: int, like: torch.Tensor, *arguments: object, **options: object) -> None:
        compiled = kernel.warmup(*arguments, grid=(programs,), enable_fp_fusion=False, **options)
        made = {
            "kernel": kernel.__name__,
            "shared": compiled.metadata.shared,
            "barriers": compiled.asm["ttgir"].count("ttg.barrier all"),
            "read only": compiled.asm["ptx"].count("ld.global.nc"),
        }
        found.append(made | resources(compiled.asm["cubin"]))

    names: dict[str, Any] = {"torch": torch}
    card.launch = compile_only
    for expression in expressions:
        module = expression.partition("(")[0].rpartition(".")[0]
        exec(f"import {module}\n{expression}", names)
    print(json.dumps(found))


def resources(cubin: bytes) -> dict[str, int]:
    """Return registers, stack and spilled bytes of a thread."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        lines = subprocess.run(
            [CUOBJDUMP, "-res-usage", file.name], check=True, capture_output=True, text=True
        ).stdout.splitlines()
    usage = next(line for line in lines if "REG:" in line)
    fields = dict(field.split(":", 1) for field in usage.split())
    return {"registers": int(fields["REG"]), "stack": int(fields["STACK"]), "spilled": int(fields["LOCAL"])}


if __name__ == "__main__":
    main(sys.argv[1:])
