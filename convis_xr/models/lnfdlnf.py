"""Linear-nonlinear stages with feedback and delays."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from convis_xr.filters import RF, Conv3d, Delay, VariableDelay
from convis_xr.filters.weighted import Weighted
from convis_xr.footprint import Footprint
from convis_xr.layer import Layer
from convis_xr.models.feedback import Feedback
from convis_xr.models.nonlinearity import footprint_of, nonlinearity_of
from convis_xr.models.parts import one_output, unit_of_nonlinearity
from convis_xr.sampling import Sampling


class LNFDLNF(Layer):
    r"""Two linear-nonlinear stages, each followed by feedback, with a delay between them.

    .. math::
        u_k &= N(w_1 * x + b_1)_k - \sum_{j=1}^{n} f_{1,j}\, u_{k-j} \\
        v(t) &= u(t - d) \\
        y_k &= N(w_2 * v + b_2)_k - \sum_{j=1}^{n} f_{2,j}\, y_{k-j}

    The circuit is that of Real et al. 2017 (Curr Biol 27:189): bipolar cell modules and a ganglion cell module, each
    with a feedback loop, and delays of their own for the bipolar ones. An output comes back after one step at the
    earliest (`Feedback`), and linearly, behind the nonlinearity: so outputs may be negative. convis subtracted a
    filtered copy instead, a loop that was not closed.

    Parameters
    ----------
    kernel_size : (time, y, x)
        Lengths of both linear filters; plain ints are samples.
    population : bool
        True: one cell at every pixel; False: the second filter is one receptive field (`RF`) that sees the frame.
    nonlinearity : str or callable
        As in `LN`; the same in both stages, so not a layer that carries state.
    in_channels, out_channels : int
        Channels of input and output.
    bias : bool
        Whether a constant is added before the nonlinearities; it starts at 0.
    hidden_channels : int
        Channels between the stages.
    feedback_length : int or quantity [time]
        How long outputs come back in both loops; their weights start at 0.
    delay : quantity [time] or int, or a map (y, x) of them
        Of what goes from the first stage to the second: one delay (`Delay`) or one for each pixel (`VariableDelay`).
    max_delay : quantity [time] or int, optional
        The longest that it may become.

    Raises
    ------
    ContractError
        A loop has diverged.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray. Output: dimensionless, or in the unit of a
    nonlinearity that is a Layer; of the same frame (population) or one value per step. Parts: ``conv1``, ``feedback1``,
    ``delay``, ``conv2``, ``feedback2``, each with its ``set_weight`` or ``delay``.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> model = cx.models.LNFDLNF((1, 1, 1), feedback_length=1, delay="2 ms")
    >>> for part in (model.conv1, model.conv2):
    ...     part.set_weight(1.0)
    >>> model.feedback1.set_weight(0.5)
    >>> step = cx.as_stimulus(np.ones(6), dt="1 ms", units="1")
    >>> model(step).values
    array([0.   , 0.   , 1.   , 0.5  , 0.75 , 0.625])
    """

    def __init__(
        self,
        kernel_size: Any = (10, 1, 1),
        population: bool = True,
        nonlinearity: Any = "relu",
        in_channels: int = 1,
        out_channels: int = 1,
        bias: bool = True,
        hidden_channels: int = 1,
        feedback_length: Any = 50,
        delay: Any = "0 ms",
        max_delay: Any = None,
    ) -> None:
        super().__init__()
        self.nonlinearity = nonlinearity_of(nonlinearity)
        self.conv1 = Conv3d(in_channels, hidden_channels, kernel_size, bias)
        self.feedback1 = Feedback(feedback_length, hidden_channels)
        of_each_pixel = np.ndim(getattr(delay, "magnitude", delay)) > 0
        self.delay = VariableDelay(delay, max_delay) if of_each_pixel else Delay(delay, max_delay)
        self.conv2 = self._pool(hidden_channels, out_channels, kernel_size, bias, population)
        self.feedback2 = Feedback(feedback_length, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Response to (batch, channel, time, y, x)."""
        first = self.delay(self.feedback1(self._bent(self.conv1(x))))
        second: Tensor = self.feedback2(self._bent(self.conv2(first)))
        return second

    def output_units(self, name: str, input_units: str) -> str:
        """Dimensionless, unless the nonlinearity is a layer that gives a unit."""
        return unit_of_nonlinearity(self.nonlinearity)

    def footprint(self, sampling: Sampling) -> Footprint:
        """Part after part."""
        nonlinearity = footprint_of(self.nonlinearity, sampling, pointwise=True)
        whole = Footprint()
        for part in (self.conv1, None, self.feedback1, self.delay, self.conv2, None, self.feedback2):
            whole = whole.then(nonlinearity if part is None else part.footprint(sampling))
        return whole

    def _bent(self, x: Tensor) -> Tensor:
        return one_output(self.nonlinearity(x), "nonlinearity", x)

    def _pool(self, inputs: int, outputs: int, kernel_size: Any, bias: bool, population: bool) -> Weighted:
        """The second filter."""
        return (Conv3d if population else RF)(inputs, outputs, kernel_size, bias)


class LNFDSNF(LNFDLNF):
    r"""As `LNFDLNF`, the second stage being a sum over space alone (S), as in Real et al. 2017.

    :math:`y_k = N\left(b_2 + \sum_{\vec r} w_2(\vec r)\, v_k(\vec r)\right) - \sum_j f_{2,j}\, y_{k-j}`.

    Parameters
    ----------
    kernel_size : (time, y, x)
        Lengths of the first filter, and in space of the sum; plain ints are samples.
    population : bool
        False: one cell that sums over the frame (`RF`); True: one at every pixel (`Conv3d`).
    nonlinearity, in_channels, out_channels, bias, hidden_channels, feedback_length, delay, max_delay
        As in `LNFDLNF`.

    Notes
    -----
    Input, output and parts as in `LNFDLNF`; ``conv2`` has the weights of the sum.

    Examples
    --------
    >>> import convis_xr as cx
    >>> model = cx.models.LNFDSNF((20, 5, 5))
    >>> model.conv1.weight.shape, model.conv2.weight.shape
    (torch.Size([1, 1, 20, 5, 5]), torch.Size([1, 1, 1, 5, 5]))
    """

    def __init__(self, kernel_size: Any = (10, 1, 1), population: bool = False, **options: Any) -> None:
        super().__init__(kernel_size, population, **options)

    def _pool(self, inputs: int, outputs: int, kernel_size: Any, bias: bool, population: bool) -> Weighted:
        return super()._pool(inputs, outputs, (1, *tuple(kernel_size)[1:]), bias, population)
