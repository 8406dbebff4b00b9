"""A cascade of linear-nonlinear stages of any kind."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from torch import Tensor

from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.filters import Conv3d
from convis_xr.footprint import Footprint
from convis_xr.layer import Layer
from convis_xr.models.containers import List
from convis_xr.models.nonlinearity import footprint_of, nonlinearity_of
from convis_xr.models.parts import one_output, part_of, unit_of_nonlinearity
from convis_xr.sampling import Sampling


class LNCascade(Layer):
    r"""Linear-nonlinear stages in a row, each with a linear part and a nonlinearity of its own.

    :math:`x_i = N_i(L_i(x_{i-1}))` (see Maheswaranathan et al. 2018, PLoS Comput Biol 14:e1006291). Parts are what
    `Sequential` takes: layers, torch modules, functions, names of nonlinearities.

    Parameters
    ----------
    n : int
        How many stages there are at first; `add_layer` adds others.
    kernel_size : (time, y, x)
        Lengths of the `Conv3d` that a stage has where none is given; plain ints are samples.
    nonlinearity : str, function, torch module or Layer
        As in `LN`: that of all stages that have none of their own.
    in_channels, out_channels : int
        Channels of the input, and of every stage that there is at first.
    bias : bool
        Whether such a `Conv3d` adds a constant; it starts at 0.

    Notes
    -----
    ``linearities`` and ``nonlinearities`` are lists with a place for each stage; what stands there may be exchanged.
    A linear part that is None is left out. A nonlinearity that is None is the cascade's own, ``nonlinearity``, and not
    the identity; ``"identity"`` leaves it out.

    Input: Tensor (batch, channel, time, y, x) or DataArray. Output: dimensionless, or counts of a spiking nonlinearity;
    frame and channels are those of the last stage. Linear parts bring numbers into the unit that their nonlinearity
    counts in. Functions are taken to treat each value on its own.

    Examples
    --------
    >>> import convis_xr as cx, torch
    >>> model = cx.models.LNCascade(n=2, kernel_size=(1, 3, 3), nonlinearity=lambda x: x.clamp(-1.0, 1.0))
    >>> model.nonlinearities[1] = "softplus"  # a nonlinearity of its own
    >>> model.linearities[1] = None  # no filter in this stage
    >>> model.add_layer(cx.filters.RF(1, (5, 4, 4)), torch.exp)
    >>> model(torch.rand(1, 1, 10, 6, 6)).shape
    torch.Size([1, 1, 10, 1, 1])
    """

    def __init__(
        self,
        n: int = 0,
        kernel_size: Any = (10, 1, 1),
        nonlinearity: Any = "relu",
        in_channels: int = 1,
        out_channels: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if isinstance(n, bool) or not isinstance(n, int) or n < 0:
            raise ParameterError(explain("n", wanted="a whole number of stages", got=repr(n), cure="n=2"))
        self.kernel_size = kernel_size
        self.bias = bias
        self.nonlinearity = nonlinearity_of(nonlinearity)
        self.linearities = List()
        self.nonlinearities = List()
        for stage in range(n):
            self.add_layer(Conv3d(out_channels if stage else in_channels, out_channels, kernel_size, bias))

    def add_layer(self, linear: Any = "default", nonlinear: Any = None) -> None:
        """Add a stage.

        Parameters
        ----------
        linear : Layer, torch module, function or None
            Its linear part; None: it has none. By default a `Conv3d` as the cascade makes them, of one channel.
        nonlinear : str, function, torch module, Layer or None
            Its nonlinearity; None: that of the cascade.
        """
        made = Conv3d(1, 1, self.kernel_size, self.bias) if isinstance(linear, str) and linear == "default" else linear
        # both are checked before either is added
        parts = part_of(made, "linear"), part_of(nonlinear, "nonlinear")
        self.linearities.append(parts[0])
        self.nonlinearities.append(parts[1])

    def forward(self, x: Tensor) -> Tensor:
        """Response to (batch, channel, time, y, x)."""
        if not len(self.linearities) + len(self.nonlinearities):
            raise ContractError(explain("LNCascade", wanted="at least one stage", got="none", cure="add_layer()"))
        stages = self._stages()
        for stage, (linear, nonlinear) in enumerate(stages):
            x = x if linear is None else one_output(linear(x), f"linearities[{stage}]", x)
            x = one_output(nonlinear(x), f"nonlinearities[{stage}]", x, floating=stage < len(stages) - 1)
        return x

    def output_units(self, name: str, input_units: str) -> str:
        """Dimensionless, unless the last nonlinearity is a layer that gives a unit: counts of a spiking cell."""
        return unit_of_nonlinearity(self._stages()[-1][1] if self._stages() else None)

    def footprint(self, sampling: Sampling) -> Footprint:
        """Stage after stage."""
        whole = Footprint()
        for linear, nonlinear in self._stages():
            whole = whole if linear is None else whole.then(footprint_of(linear, sampling))
            whole = whole.then(footprint_of(nonlinear, sampling, pointwise=True))
        return whole

    def _stages(self) -> list[tuple[Any, Any]]:
        pairs = zip_longest(self.linearities.modules_in_order(), self.nonlinearities.modules_in_order())
        default = part_of(self.nonlinearity, "nonlinearity")
        return [(linear, default if own is None else own) for linear, own in pairs]
