"""Every Triton kernel becomes machine code of a card, and a card has room for it.

One test and one process for all of them: loading torch and Triton takes longer than compiling a small kernel.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from tests.kernels.card import compiled, needs_triton

pytestmark = needs_triton

PLACE = "convis_xr.kernels.{}.triton_loops."
SOURCE = "convis_xr.kernels.lif.Source((1, 2**31), 0, 0)"
#: so that a multiprocessor holds all the threads that it can, and 16 warps
ALL_THREADS, SIXTEEN_WARPS = 64, 128


class Made(NamedTuple):
    """What a call makes: its kernels in order, and the most that a thread of theirs may take."""

    call: str
    kernels: tuple[str, ...]
    registers: int = SIXTEEN_WARPS
    stack: int = 0


def one_pass() -> list[Made]:
    """Operations that look at each value once."""
    nonlinearity = PLACE.format("nonlinearity") + "ganglion_nonlinearity(torch.ones(9, dtype=torch.{}), 0.0, 1.0, 1.0)"
    difference = PLACE.format("opponency") + "weighted_difference(*torch.ones(2, 9, dtype=torch.{}), 10.0, 0.5)"
    blur = PLACE.format("gaussian") + "blur(torch.zeros(3, 33, 40, dtype=torch.{}), (1.5, 2.5))"
    made = []
    for dtype in ("float32", "float64"):
        made += [Made(call.format(dtype), ("_fill",)) for call in (nonlinearity, difference)]
        made.append(Made(blur.format(dtype), ("along_x", "along_y"), ALL_THREADS))
        for name in ("uniform", "normal"):
            fill = f"fill({name!r}, torch.arange(9), (1, 2**31), (1, 2, 3), torch.{dtype})"
            table = 64 if (name, dtype) == ("normal", "float64") else 0  # of sine and cosine in double precision
            made.append(Made(PLACE.format("philox") + fill, ("_fill",), stack=table))
    return made


def recursions() -> list[Made]:
    loops, adjoint = (f"convis_xr.kernels.recursion.triton_{name}" for name in ("loops", "adjoint"))
    one = "torch.ones(1, 1, {}, 1, 1).double()"
    entered = "(torch.ones(1, 1, 3, 4, 4), torch.ones(3, 1, 1, 4, 4))"
    return [
        Made(
            f"{loops}.cascade(torch.ones(1, 1, 3, 100, 100), torch.ones(1, 1, 1, 100, 100), 0.3)",
            ("_recursion",),
            ALL_THREADS,
        ),
        Made(
            f"{loops}.cascade(torch.ones(1, 1, 3, 7, 7), torch.ones(4, 1, 1, 7, 7), 0.3)", ("_recursion",), ALL_THREADS
        ),
        Made(f"{loops}.high_pass({one.format(3)}, {one.format(1)}, 0.3, 0.7)", ("_recursion",), ALL_THREADS),
        Made(f"{adjoint}.cascade(*{entered}, 0.3, {entered}, True)", ("_adjoint",), ALL_THREADS),
        Made(
            f"{adjoint}.high_pass({one.format(3)}, {one.format(1)}, 0.3, 0.7, None, False)", ("_adjoint",), ALL_THREADS
        ),
    ]


def cells() -> list[Made]:
    lif = (
        PLACE.format("lif") + "noisy_lif(*torch.ones(1, 1, 1, 3, 8, 8, dtype=torch.{}), "
        "*torch.ones(2, 1, 1, 8, 8, dtype=torch.{}), torch.arange(64).view(1, 1, 8, 8), "
        "convis_xr.kernels.lif.Membrane(50.0, {}, 0.003, {}, 0.001), " + SOURCE + ")"
    )
    ganglion = (
        PLACE.format("ganglion") + "ganglion_spikes(torch.ones(1, 1, 3, 8, 8, dtype=torch.{}), "
        "tuple(torch.ones(3, 1, 1, 8, 8, dtype=torch.{})), torch.arange(64).view(1, 1, 8, 8), "
        "(0.05, 0.7, -1.0), (0.0, 37.0, 100.0), convis_xr.kernels.lif.Membrane(50.0, {}, 0.003, {}, 0.001), "
        + SOURCE + ")"
    )  # fmt: skip
    noises = [("float32", 0.1, 0.001), ("float32", 0.0, 0.0), ("float64", 0.1, 0.0)]
    made = [Made(lif.format(dtype, dtype, *noise), ("_noisy_lif",), stack=64) for dtype, *noise in noises]
    noises = [("float32", 0.1, 0.0), ("float64", 0.1, 0.001)]
    return made + [Made(ganglion.format(dtype, dtype, *noise), ("_ganglion",), stack=64) for dtype, *noise in noises]


def gain_controls() -> list[Made]:
    call = (
        PLACE.format("gain_control") + "gain_control(torch.zeros(1, 1, 1, {0}, {1}, dtype=torch.{3}), "
        "(torch.zeros(1, 1, {0}, {1}, dtype=torch.{3}),) * 2, convis_xr.kernels.gain_control.GainControl("
        "100.0, 5.0, (2.5, 2.5), 0.01, {2}, 0.001), True)"
    )
    steps = ("membrane", "along_x", "adapt")
    # a thread of a whole movie puts away some numbers: of the frame's products it would be thousands
    return [
        Made(call.format(128, 128, 100.0, "float32"), ("follow_movies",), 255, 512),
        Made(call.format(64, 64, 100.0, "float64"), ("follow_movies",), 255, 512),
        Made(call.format(128, 128, 0.0, "float64"), ("follow_pixels",)),
        Made(call.format(129, 128, 100.0, "float32"), steps),
        Made(call.format(1, 128, 100.0, "float64"), steps),
    ]


def test_the_compiler_takes_every_kernel_and_a_card_has_room_for_it(tmp_path: Path) -> None:
    wanted = [*one_pass(), *recursions(), *cells(), *gain_controls()]
    found = compiled(tmp_path, *(made.call for made in wanted))
    names = [(made, name) for made in wanted for name in made.kernels]
    assert [kernel["kernel"] for kernel in found] == [name for _, name in names]
    for (made, name), kernel in zip(names, found, strict=True):
        assert room(kernel, made), f"{name} takes {kernel}, by {made.call}"
        if name == "follow_movies":  # its threads load what others have stored: after a barrier, past no other cache
            assert (kernel["barriers"], kernel["read only"]) == (2, 0)


def room(kernel: dict[str, Any], made: Made) -> bool:
    return (
        kernel["spilled"] == 0
        and kernel["registers"] <= made.registers
        and kernel["stack"] <= made.stack
        and kernel["shared"] <= 227 * 1024
    )
