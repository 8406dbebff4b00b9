"""A quasi-Newton method that needs no gradients: it takes differences of the loss."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from convis_xr.errors import ParameterError, explain
from convis_xr.optimizers.flat import Flat, Trial, is_trusted
from convis_xr.optimizers.quasi_newton import Look, QuasiNewton, check_options

_CURVATURES = ("bfgs", "diagonal")


class FiniteDifference(QuasiNewton):
    r"""Quasi-Newton steps from differences of the loss: for what has no gradient, such as a model that spikes.

    Each parameter is moved by :math:`\pm h`: :math:`(f_+ - f_-)/2h` is its derivative and :math:`(f_+ - 2f + f_-)/h^2`
    its own curvature, whose absolute value divides the derivative (so a saddle is left). `curvature` "bfgs" begins
    with that and learns how parameters depend on each other from the steps it takes, where they can be trusted, as
    `CautiousLBFGS`. Steps that do not lower the loss are shortened, then taken back.

    Parameters
    ----------
    params : iterable of Tensor
        What is moved, where it asks for gradients (that is: may be fitted). One group. A call of `step` evaluates the
        closure at least twice for each number in them: for tens of numbers, not for thousands.
    lr : float
        Length of the first step that is tried, as a part of the quasi-Newton step.
    max_iter : int
        Steps in a call of `step`.
    spacing : float, optional
        h as a part of the largest size that a value has had, or the mean one of its parameter; where all of that is 0,
        in its base unit. By default the fourth root of the coarsest rounding of loss and parameters: 1e-4 in double
        precision, 0.02 in single precision. A noisy loss wants a wide one: about the square root of noise by curvature.
    noise : float
        By how much the loss may be off each time. A step may lose twice that (Berahas, Byrd & Nocedal 2019, SIAM J
        Optim 29:965).
    curvature : "bfgs" or "diagonal"
    tolerance_grad, tolerance_change, caution, power
        As in `CautiousLBFGS`.

    Raises
    ------
    ParameterError
        An option out of its range, several groups, or, in `step`, nothing that may be fitted.

    Notes
    -----
    Where the loss is finite on one side only, that one is used. Gradients that a closure computes are not looked at.

    Examples
    --------
    >>> x = torch.tensor([4.0, -2.0], dtype=torch.float64, requires_grad=True)
    >>> optimizer = FiniteDifference([x])
    >>> _ = optimizer.step(lambda: (x[0] - 3) ** 2 + 1e4 * (x[1] - 1) ** 2)
    >>> [round(value, 5) for value in x.tolist()]
    [3.0, 1.0]
    """

    needs_gradient = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        max_iter: int = 20,
        spacing: float | None = None,
        noise: float = 0.0,
        curvature: str = "bfgs",
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-12,
        caution: float = 1e-6,
        power: float = 1.0,
    ) -> None:
        options = {
            "lr": lr,
            "max_iter": max_iter,
            "spacing": spacing,
            "noise": noise,
            "curvature": curvature,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "caution": caution,
            "power": power,
        }
        numbers = {name: value for name, value in options.items() if name != "curvature"}
        if spacing is None:
            del numbers["spacing"]
        check_options(numbers, above_zero=("lr", "spacing"), whole=("max_iter",))
        if curvature not in _CURVATURES:
            wanted = " or ".join(f'"{name}"' for name in _CURVATURES)
            raise ParameterError(explain("curvature", wanted=wanted, got=repr(curvature), cure='curvature="bfgs"'))
        super().__init__(params, options)

    def _gradient(self, flat: Flat, here: Trial, look: Look, precision: float) -> Tensor:
        kept, spacing = self.state[flat.anchor], self.param_groups[0]["spacing"]
        scale = torch.maximum(flat.scales(), kept["scale"]) if "scale" in kept else flat.scales()
        width = scale * (precision**0.25 if spacing is None else spacing)
        gradient, curvature = torch.zeros_like(width), torch.zeros_like(width)
        for k in range(len(width)):
            slope, bend = _differences(look, here, k, float(width[k]))
            gradient[k], curvature[k] = slope, abs(bend)
        # where there is next to no curvature, a step is no longer than the value itself
        kept["scale"], kept["own"] = scale, torch.maximum(curvature, gradient.abs() / scale)
        return gradient

    def _direction(self, kept: dict[str, Any], gradient: Tensor) -> Tensor:
        if "inverse" in kept:
            return -kept["inverse"] @ gradient
        return -gradient / kept["own"].clamp(min=torch.finfo(gradient.dtype).tiny)

    def _remember(self, kept: dict[str, Any], s: Tensor, y: Tensor, gradient: Tensor) -> None:
        options = self.param_groups[0]
        if options["curvature"] != "bfgs" or not is_trusted(
            s, y, float(gradient.norm()), options["caution"], options["power"]
        ):
            return
        own = kept["own"].clamp(min=torch.finfo(s.dtype).tiny)
        inverse, rho = kept.get("inverse", torch.diag(1 / own)), 1 / (y @ s)
        left = torch.eye(len(s), dtype=s.dtype, device=s.device) - rho * torch.outer(s, y)
        kept["inverse"] = left @ inverse @ left.T + rho * torch.outer(s, s)

    def _forget(self, kept: dict[str, Any]) -> None:
        kept.pop("inverse", None)


def _differences(look: Look, here: Trial, k: int, width: float) -> tuple[float, float]:
    """Derivative and curvature in the k-th value; from one side, or 0, where the loss is not finite on the other."""
    sides = []
    for sign in (1, -1):
        values = here.values.clone()
        values[k] += sign * width
        sides.append(look(values))
    up, down = sides
    if math.isfinite(up) and math.isfinite(down):
        return (up - down) / (2 * width), (up - 2 * here.loss + down) / width**2
    if math.isfinite(up):
        return (up - here.loss) / width, 0.0
    return ((here.loss - down) / width, 0.0) if math.isfinite(down) else (0.0, 0.0)
