"""Linear-nonlinear stages in a row, all of one kind."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import Tensor

from convis_xr.filters import RF, Conv3d
from convis_xr.footprint import Footprint
from convis_xr.layer import Layer
from convis_xr.models.nonlinearity import footprint_of, nonlinearity_of
from convis_xr.models.parts import one_output, unit_of_nonlinearity
from convis_xr.sampling import Sampling


class LNLN(Layer):
    r"""Two linear-nonlinear stages, a subunit model: :math:`y = N(w_2 * N(w_1 * x + b_1) + b_2)`.

    With ``population=False`` one cell pools subunits that share a filter (Real et al. 2017, Curr Biol 27:189: LNSN).

    Parameters
    ----------
    kernel_size : (time, y, x)
        Lengths of every linear filter; plain ints are samples.
    population : bool
        True: one cell at every pixel; False: the last filter is one receptive field (`RF`) that sees the frame.
    nonlinearity : str or callable
        As in `LN`; the same after every filter, so not a layer that carries state (`LNCascade` has one for each stage).
    in_channels, out_channels : int
        Channels of input and output.
    bias : bool
        Whether a constant is added before every nonlinearity; it starts at 0.
    hidden_channels : int
        Channels between the stages: kinds of subunits.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray. Output: dimensionless, or in the unit of a
    nonlinearity that is a Layer; of the same frame (population) or one value per step. The filters are ``conv1``,
    ``conv2``, ...; before the first frame each of them has seen zeros, unless ``initial`` says otherwise.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> model = cx.models.LNLN((1, 3, 3), population=False)
    >>> model.conv1.set_weight(1.0)
    >>> model.conv2.set_weight(1.0)
    >>> film = cx.as_stimulus(np.ones((2, 5, 5)), dt="1 ms", pixel_size="0.1 deg", units="1")
    >>> model(film).values.ravel()
    array([81., 81.])
    """

    #: how many
    stages = 2

    def __init__(
        self,
        kernel_size: Any = (10, 1, 1),
        population: bool = True,
        nonlinearity: Any = "relu",
        in_channels: int = 1,
        out_channels: int = 1,
        bias: bool = True,
        hidden_channels: int = 1,
    ) -> None:
        super().__init__()
        channels = [in_channels, *[hidden_channels] * (self.stages - 1), out_channels]
        for stage, (inputs, outputs) in enumerate(pairwise(channels), 1):
            filter_class = RF if stage == self.stages and not population else Conv3d
            self.add_module(f"conv{stage}", filter_class(inputs, outputs, kernel_size, bias))
        self.nonlinearity = nonlinearity_of(nonlinearity)

    def forward(self, x: Tensor) -> Tensor:
        """Response to (batch, channel, time, y, x)."""
        for conv in self._filters():
            x = one_output(self.nonlinearity(conv(x)), "nonlinearity", x)
        return x

    def output_units(self, name: str, input_units: str) -> str:
        """Dimensionless, unless the nonlinearity is a layer that gives a unit."""
        return unit_of_nonlinearity(self.nonlinearity)

    def footprint(self, sampling: Sampling) -> Footprint:
        """Stage after stage."""
        whole = Footprint()
        for conv in self._filters():
            whole = whole.then(conv.footprint(sampling))
            whole = whole.then(footprint_of(self.nonlinearity, sampling, pointwise=True))
        return whole

    def _filters(self) -> list[Any]:
        return [self.get_submodule(f"conv{stage + 1}") for stage in range(self.stages)]


class LNLNLN(LNLN):
    r"""Three linear-nonlinear stages: :math:`y = N(w_3 * N(w_2 * N(w_1 * x + b_1) + b_2) + b_3)`.

    Parameters
    ----------
    kernel_size, population, nonlinearity, in_channels, out_channels, bias, hidden_channels
        As in `LNLN`.

    Notes
    -----
    Input and output as in `LNLN`.

    Examples
    --------
    >>> import convis_xr as cx
    >>> [name for name in cx.models.LNLNLN((5, 3, 3)).p if name.endswith("weight")]
    ['conv1.weight', 'conv2.weight', 'conv3.weight']
    """

    stages = 3


class LNLNLNLN(LNLN):
    r"""Four linear-nonlinear stages: :math:`z_s = N(w_s * z_{s-1} + b_s)`, where :math:`z_0 = x` and :math:`y = z_4`.

    Parameters
    ----------
    kernel_size, population, nonlinearity, in_channels, out_channels, bias, hidden_channels
        As in `LNLN`.

    Notes
    -----
    Input and output as in `LNLN`.

    Examples
    --------
    >>> import convis_xr as cx
    >>> len(cx.models.LNLNLNLN((5, 3, 3)).p)
    8
    """

    stages = 4
