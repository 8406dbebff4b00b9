from __future__ import annotations

import threading

import pytest
import torch

from convis_xr.kernels import dispatch, gain_control, gaussian, lif, nonlinearity, opponency, recursion
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


def test_on_a_card_nothing_that_wants_a_gradient_ends_in_a_version_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor is taken for a card; each operation says which version it takes."""
    pytest.importorskip("triton", reason="the extra convis-xr[gpu] is not installed")
    monkeypatch.setattr(dispatch, "_on_card", lambda device: True)
    monkeypatch.setattr(dispatch, "_on_processor", lambda device: False)
    monkeypatch.setattr(dispatch, "_is_on_card", lambda operands: True)
    taken: dict[str, str] = {}

    def noted(operation: str, *operands: object, **versions: bool) -> str:
        return taken.setdefault(operation, choose(operation, *operands, **versions))

    for module in (gain_control, gaussian, lif, nonlinearity, opponency, recursion):
        monkeypatch.setattr(module, "choose", noted)
    x, at = torch.rand(1, 1, 3, 4, 4, requires_grad=True), torch.zeros(1, 1, 4, 4)
    cell = {"g_leak": 50.0, "noise": 0.1, "refractory_mean": 0.003, "refractory_sd": 0.0, "dt": 0.001, "key": (0, 0)}
    cat = {"input_amplification": 100.0, "g_leak": 5.0, "sigma_px": (1.0, 1.0), "tau": 0.01, "gain": 100.0}
    made = {
        "gain_control": gain_control.gain_control(x, (at, at), **cat, dt=0.001)[0],
        "gaussian_blur": gaussian.gaussian_blur(x, 1.0),
        "noisy_lif": lif.noisy_lif(90 * x, (at, at), **cell)[0],
        "ganglion_nonlinearity": nonlinearity.ganglion_nonlinearity(x, 0.0, 37.0, 100.0),
        "weighted_difference": opponency.weighted_difference(x, 2 * x, 10.0, 0.7),
        "low_pass": recursion.low_pass(x, at, 0.01, 0.001)[0],
    }
    assert taken == dict.fromkeys(made, "torch") | {"low_pass": "triton"}
    for name, y in made.items():
        (grad,) = torch.autograd.grad(y.sum(), x)
        assert grad.isfinite().all(), name
        assert grad.any(), name
