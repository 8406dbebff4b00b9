from __future__ import annotations

import threading

import pytest
import torch

from convis_xr.kernels.dispatch import choose, force, gradient_wanted


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_plain_cpu_tensors_are_served_by_compiled_code(dtype: torch.dtype) -> None:
    assert choose("blur", torch.zeros(2, dtype=dtype), 0.5, None) == "compiled"


def test_a_wanted_gradient_of_any_operand_asks_for_torch() -> None:
    tau = torch.tensor(1.0, requires_grad=True)
    assert choose("blur", torch.zeros(2), tau) == "torch"
    with torch.no_grad():
        assert choose("blur", torch.zeros(2), tau) == "compiled"


def test_an_operation_with_an_adjoint_is_compiled_where_a_gradient_is_wanted() -> None:
    assert choose("blur", torch.zeros(2, requires_grad=True), adjoint=True) == "compiled"


def test_a_gradient_is_wanted_only_of_what_autograd_follows() -> None:
    leaf = torch.zeros(2, requires_grad=True)
    assert gradient_wanted(1.0, None, torch.zeros(2), leaf)
    assert not gradient_wanted(1.0, None, torch.zeros(2))
    with torch.no_grad():
        assert not gradient_wanted(leaf)


def test_triton_is_left_alone_on_the_processor_unless_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton", reason="the extra convis-xr[gpu] is not installed")
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert choose("blur", torch.zeros(2), triton=True) == "compiled"
    with force("triton"):
        assert choose("blur", torch.zeros(2), triton=True) == "triton"
        with pytest.raises(RuntimeError, match=r"blur: the route 'triton'.*no version in Triton"):
            choose("blur", torch.zeros(2))
        with pytest.raises(RuntimeError, match="a gradient is wanted"):
            choose("blur", torch.zeros(2, requires_grad=True), triton=True)
        monkeypatch.setenv("TRITON_INTERPRET", "0")
        with pytest.raises(RuntimeError, match="the device cpu"):
            choose("blur", torch.zeros(2), triton=True)


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
    wanted = "route: wanted one of reference, torch, compiled, triton, got 'fast'"
    with pytest.raises(ValueError, match=wanted), force("fast"):
        pass


def test_forcing_holds_for_one_thread_only() -> None:
    seen = []
    with force("torch"):
        thread = threading.Thread(target=lambda: seen.append(choose("blur", torch.zeros(2))))
        thread.start()
        thread.join()
    assert seen == ["compiled"]
