from __future__ import annotations

import threading

import pytest
import torch

from convis_xr.kernels.dispatch import choose, force


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_plain_cpu_tensors_are_served_by_compiled_code(dtype: torch.dtype) -> None:
    assert choose("blur", torch.zeros(2, dtype=dtype), 0.5, None) == "compiled"


def test_a_wanted_gradient_of_any_operand_asks_for_torch() -> None:
    tau = torch.tensor(1.0, requires_grad=True)
    assert choose("blur", torch.zeros(2), tau) == "torch"
    with torch.no_grad():
        assert choose("blur", torch.zeros(2), tau) == "compiled"


@pytest.mark.parametrize(
    "tensor", [torch.zeros(2, dtype=torch.float16), torch.zeros(2, dtype=torch.int64), torch.zeros(2, device="meta")]
)
def test_other_dtypes_and_devices_ask_for_torch(tensor: torch.Tensor) -> None:
    assert choose("blur", tensor) == "torch"


def test_an_operation_without_compiled_version_asks_for_torch() -> None:
    assert choose("convolution", torch.zeros(2), compiled=False) == "torch"


@pytest.mark.parametrize("route", ["reference", "torch", "compiled"])
def test_a_route_can_be_forced_and_the_choice_comes_back(route: str) -> None:
    with force(route):
        assert choose("blur", torch.zeros(2)) == route
        with force("torch"):
            assert choose("blur", torch.zeros(2)) == "torch"
        assert choose("blur", torch.zeros(2)) == route
    assert choose("blur", torch.zeros(2)) == "compiled"


@pytest.mark.parametrize(
    ("operand", "compiled", "why"),
    [
        (torch.zeros(2, requires_grad=True), True, "a gradient is wanted"),
        (torch.zeros(2, dtype=torch.float16), True, "float16"),
        (torch.zeros(2, device="meta"), True, "the device meta"),
        (torch.zeros(2), False, "no compiled version"),
    ],
)
def test_a_forced_route_that_cannot_serve_says_why(operand: torch.Tensor, compiled: bool, why: str) -> None:
    with force("compiled"), pytest.raises(RuntimeError, match=rf"blur: the route 'compiled'.*{why}"):
        choose("blur", operand, compiled=compiled)


def test_an_unknown_route_is_refused() -> None:
    with pytest.raises(ValueError, match="route: wanted one of reference, torch, compiled, got 'fast'"), force("fast"):
        pass


def test_forcing_holds_for_one_thread_only() -> None:
    seen = []
    with force("torch"):
        thread = threading.Thread(target=lambda: seen.append(choose("blur", torch.zeros(2))))
        thread.start()
        thread.join()
    assert seen == ["compiled"]
