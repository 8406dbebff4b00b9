"""Memory that is handed out again is nobody else's meanwhile."""

from __future__ import annotations

import gc
import threading
from contextvars import copy_context

import numpy as np
import torch

from convis_xr.kernels import recycling as module
from convis_xr.kernels.memory import cast, empty_like, joined
from convis_xr.kernels.recycling import LEAST, MOST, empty, recycling

BYTES = np.dtype("uint8")


def place(array: np.ndarray) -> int:
    return array.ctypes.data


def test_what_nobody_has_is_handed_out_again() -> None:
    with recycling():
        first = empty((LEAST,), BYTES)
        at = place(first)
        second = empty((LEAST,), BYTES)
        assert place(second) != at
        del first
        assert place(empty((LEAST // 8,), np.dtype("float64"))) == at


def test_a_view_keeps_its_memory() -> None:
    with recycling():
        whole = empty((4, LEAST), BYTES)
        at, part = place(whole), whole[1:2, ::2]
        part[...] = 7
        del whole
        other = empty((4, LEAST), BYTES)
        other[...] = 9
        assert place(other) != at
        assert (part == 7).all()


def test_so_does_a_tensor_and_what_is_made_of_it() -> None:
    with recycling():
        tensor = empty_like(torch.zeros(4, LEAST))
        kept = tensor[2].numpy()[::3]
        kept[...] = 1
        del tensor
        for _ in range(3):
            empty((4, LEAST), np.dtype("float32"))[...] = 5
        assert (kept == 1).all()


def test_much_larger_memory_is_not_given_for_a_small_array() -> None:
    with recycling():
        large = empty((8 * LEAST,), BYTES)
        at = place(large)
        del large
        assert place(empty((LEAST,), BYTES)) != at


def test_not_more_is_kept_than_is_allowed() -> None:
    with recycling():
        held = [empty((MOST // 4,), BYTES) for _ in range(8)]
        recycler = module._recycler.get()
        held.clear()
        gc.collect()
        assert recycler is not None
        assert sum(map(len, recycler._free)) == MOST
    assert not recycler._free


def test_an_array_outlives_the_block() -> None:
    with recycling():
        array = empty((LEAST,), BYTES)
        array[...] = 3
        recycler = module._recycler.get()
    assert (array == 3).all()
    del array
    assert recycler is not None
    assert not recycler._free
    assert empty((LEAST,), BYTES).base is None  # numpy's own


def test_threads_that_share_it_never_share_a_piece() -> None:
    faults = []

    def work(number: int) -> None:
        for _ in range(200):
            mine = empty((LEAST // 4,), np.dtype("int32"))
            mine[...] = number
            if not (mine == number).all():
                faults.append(number)

    with recycling():
        threads = [threading.Thread(target=copy_context().run, args=(work, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not faults


def test_a_cast_is_torchs() -> None:
    for dtype in (torch.uint8, torch.int16, torch.float32, torch.float64, torch.bool):
        x = torch.arange(12).reshape(3, 4).to(dtype).mT
        for wanted in (torch.float32, torch.float64):
            assert torch.equal(cast(x, wanted), x.to(wanted))
    x = torch.ones(2, requires_grad=True)
    assert cast(x, torch.float64).requires_grad
    assert cast(x, torch.float32) is x


def test_joined_is_torchs_cat() -> None:
    parts = [torch.rand(2, 3, steps, 2).mT for steps in (1, 0, 4)]
    assert torch.equal(joined(parts, 3), torch.cat(parts, 3))
    assert joined([torch.ones(1, requires_grad=True), torch.ones(1)], 0).requires_grad
