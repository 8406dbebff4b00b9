"""Limited-memory BFGS that never makes a loss worse."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from convis_xr.optimizers.flat import Flat, Trial, is_trusted
from convis_xr.optimizers.quasi_newton import Look, QuasiNewton, check_options


class CautiousLBFGS(QuasiNewton):
    r"""L-BFGS with a cautious update, and with steps that are taken back unless they help.

    A pair of step :math:`s` and change of gradient :math:`y` enters the curvature only where
    :math:`y^T s / \lVert s \rVert^2 \ge \epsilon \lVert g \rVert^\alpha` (Li & Fukushima 2001, SIAM J Optim 11:1054),
    so that directions go downhill on losses that are not convex, too. A step is shortened until the loss falls as its
    slope promises (Armijo's rule); where no length does, everything stays where it was and the curvature begins anew. A
    pair never joins gradients of two calls of `step`: the closure may show another batch each time.

    Parameters
    ----------
    params : iterable of Tensor
        What is moved, where it asks for gradients. One group.
    lr : float
        Length of the first step that is tried, as a part of the quasi-Newton step.
    max_iter : int
        Steps in a call of `step`.
    tolerance_grad : float
        A call ends where no derivative is larger.
    tolerance_change : float
        A call ends where the loss falls by no more than this part of itself.
    history_size : int
        Pairs that are remembered.
    caution, power : float
        :math:`\epsilon` and :math:`\alpha` above.

    Raises
    ------
    ParameterError
        An option out of its range, several groups, or, in `step`, nothing that may be fitted.

    Examples
    --------
    >>> import torch
    >>> x = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
    >>> optimizer = CautiousLBFGS([x], max_iter=100)
    >>> def rosenbrock():
    ...     optimizer.zero_grad()
    ...     loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
    ...     loss.backward()
    ...     return loss
    >>> _ = optimizer.step(rosenbrock)
    >>> [round(value, 6) for value in x.tolist()]
    [1.0, 1.0]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        max_iter: int = 20,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-12,
        history_size: int = 10,
        caution: float = 1e-6,
        power: float = 1.0,
    ) -> None:
        options = {
            "lr": lr,
            "max_iter": max_iter,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "caution": caution,
            "power": power,
        }
        check_options(options, above_zero=("lr",), whole=("max_iter", "history_size"))
        super().__init__(params, options)

    def _gradient(self, flat: Flat, here: Trial, look: Look, precision: float) -> Tensor:
        return flat.gradient()

    def _direction(self, kept: dict[str, Any], gradient: Tensor) -> Tensor:
        """The quasi-Newton step by two loops (Nocedal & Wright 2006, algorithm 7.4); the first is no longer than 1."""
        steps, changes = kept.get("steps", []), kept.get("changes", [])
        if not steps:
            return -gradient / max(1.0, float(gradient.abs().sum()))
        inverse = [1 / float(y @ s) for s, y in zip(steps, changes, strict=True)]
        made, weights = -gradient, []
        for s, y, rho in zip(reversed(steps), reversed(changes), reversed(inverse), strict=True):
            weights.append(rho * float(s @ made))
            made = made - weights[-1] * y
        made = made / (inverse[-1] * float(changes[-1] @ changes[-1]))
        for s, y, rho, weight in zip(steps, changes, inverse, reversed(weights), strict=True):
            made = made + (weight - rho * float(y @ made)) * s
        return made

    def _remember(self, kept: dict[str, Any], s: Tensor, y: Tensor, gradient: Tensor) -> None:
        options = self.param_groups[0]
        if is_trusted(s, y, float(gradient.norm()), options["caution"], options["power"]):
            for name, value in (("steps", s), ("changes", y)):
                kept[name] = [*kept.get(name, []), value][-options["history_size"] :]

    def _forget(self, kept: dict[str, Any]) -> None:
        kept["steps"], kept["changes"] = [], []
