"""One output of a layer that has several."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from convis_xr.context import running
from convis_xr.errors import ParameterError, explain
from convis_xr.footprint import Footprint
from convis_xr.layer import Layer
from convis_xr.sampling import Sampling


class Pick(Layer):
    r"""One output of a layer that has several, :math:`y = f(x)_\mathrm{output}`: so that another part may follow it.

    Parameters
    ----------
    layer : Layer
        One with named outputs, such as `Retina`.
    output : str
        One of its ``output_names``.

    Raises
    ------
    ParameterError
        The layer has no such output.

    Notes
    -----
    Input: that of the layer, Tensor (batch, channel, time, y, x) or DataArray. Output: the one that was chosen, in its
    shape and unit.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> film = cx.as_stimulus(np.ones((5, 6, 6)), dt="1 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 1))
    >>> bipolar = cx.models.Pick(cx.models.Retina("primate"), "bipolar")
    >>> cx.models.Sequential(bipolar, cx.models.LN((3, 3, 3)))(film).sizes["time"]
    5
    """

    def __init__(self, layer: Layer, output: str) -> None:
        super().__init__()
        if not isinstance(layer, Layer):
            got = type(layer).__name__
            raise ParameterError(explain("layer", wanted="a Layer with named outputs", got=got, cure="a cx.Layer"))
        if output not in layer.output_names:
            wanted, cure = f"one of {', '.join(layer.output_names)}", f'output="{layer.output_names[0]}"'
            raise ParameterError(explain("output", wanted=wanted, got=repr(output), cure=cure))
        self.layer = layer
        self.output = output

    @property
    def units_in(self) -> str | None:  # type: ignore[override]
        """That of the layer."""
        return self.layer.units_in

    @property
    def bare_in(self) -> bool:  # type: ignore[override]
        """That of the layer."""
        return self.layer.bare_in

    def output_units(self, name: str, input_units: str) -> str:
        """Unit of the output that is taken."""
        return self.layer.output_units(self.output, input_units)

    def forward(self, x: Tensor) -> Tensor:
        """The output for (batch, channel, time, y, x)."""
        context = running(self)
        assert context is not None
        context.asked[id(self.layer)] = (self.output,)
        made: Any = self.layer(x)
        y: Tensor = made[self.output] if isinstance(made, dict) else made
        return y

    def footprint(self, sampling: Sampling) -> Footprint:
        """That of the layer."""
        return self.layer.footprint(sampling)
