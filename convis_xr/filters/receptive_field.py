"""A receptive field: one cell that weighs the whole frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.filters.geometry import Pair, check_pitch, degrees, origin_of, pitch_of, position_of
from convis_xr.filters.weighted import Weighted
from convis_xr.footprint import Footprint
from convis_xr.kernels.convolution import receptive_field
from convis_xr.parameters import Parameter
from convis_xr.sampling import Sampling, dequantified
from convis_xr.units import Quantity


class RF(Weighted):
    r"""One receptive field for each output channel.

    :math:`y_o(t) = b_o + \sum_{i, k, \vec r} w_{oi}(k, \vec r)\, x_i(t-k, \vec r)`: ``weight[lag, y, x]``
    multiplies the pixel at (y, x) ``lag`` steps ago (0: the
    same step), not mirrored; what a spike-triggered average gives can be assigned to it.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, bias
        As in `Conv3d`; the weight may be smaller than the frame.
    placement : "center", "corner" or pair (y, x) of quantities [visual angle]
        Where a smaller weight lies: in the middle of the frame, at its first row and column, or with its middle at
        that place, as seen from the middle of the frame (y grows upward, x to the right). A labelled weight with
        coordinates in visual angle lies where they say.

    Raises
    ------
    ContractError
        The weight reaches out of the frame, or was made for pixels of another size.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray in any unit, which is kept. Output: Tensor (batch,
    channel, time, 1, 1). A place between two pixels goes to the nearer one. Where the field has a place of its own,
    ``position``, and ``pixel_size`` where the weight told it, are saved with the parameters.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> cell = cx.filters.RF(1, (2, 3, 3))
    >>> cell.set_weight(1.0)
    >>> film = cx.as_stimulus(np.ones((4, 3, 3)), dt="1 ms", pixel_size="0.1 deg", units="1")
    >>> cell(film).values.ravel()
    array([ 9., 18., 18., 18.])

    Right of the middle, and a part of the stimulus' own grid:

    >>> film = cx.as_stimulus(np.arange(15.0).reshape(1, 3, 5), dt="1 ms", pixel_size="0.1 deg", units="1")
    >>> cell = cx.filters.RF(1, (1, 1, 1), placement=("0 deg", "0.2 deg"))
    >>> cell.set_weight(1.0)
    >>> cell(film).values.ravel()
    array([9.])
    >>> cell.set_weight(film.isel(time=[0], y=[0], x=[1, 2]) * 0 + 1)
    >>> cell.clear_state()
    >>> cell(film).values.ravel()
    array([3.])
    """

    position: Any
    pixel_size: Any

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: Any = 1,
        kernel_size: Any = None,
        bias: bool = True,
        placement: Any = "center",
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, bias)
        if not isinstance(placement, tuple | list) and not (
            isinstance(placement, str) and placement in ("center", "corner")
        ):
            wanted = '"center", "corner" or a pair (y, x) of visual angles'
            raise ParameterError(explain("placement", wanted=wanted, got=repr(placement), cure='placement="center"'))
        self.placement = placement
        self._place(None if isinstance(placement, str) else degrees(placement, "placement"), None)

    def set_weight(
        self, weight: Any, normalize: bool = False, preserve_channels: bool = False, flip: bool = False
    ) -> None:
        """Give the receptive field. Assigning to ``weight`` does the same.

        Parameters
        ----------
        weight, normalize, preserve_channels, flip
            As in `Conv3d.set_weight`. A DataArray whose ``y`` and ``x`` are visual angles says where the field lies;
            other arrays lie where ``placement`` says. A number fills what is there, and leaves it at its place.
        """
        super().set_weight(weight, normalize, preserve_channels, flip)
        plain = dequantified(weight) if hasattr(weight, "dims") else None
        position = None if plain is None else position_of(plain)
        if position is not None:
            self._place(position, pitch_of(plain))
        elif np.ndim(weight) or plain is not None:
            self._place(None if isinstance(self.placement, str) else degrees(self.placement, "placement"), None)

    def forward(self, x: Tensor) -> Tensor:
        """Weigh (batch, channel, time, y, x): (batch, out, time, 1, 1)."""
        self.check_input(x)
        history = self.start_history(x) if self.history is None else self.history
        y, self.history = receptive_field(x, history, self.weight.to(x.dtype), self.origin(x))
        return self.with_bias(y)

    def footprint(self, sampling: Sampling) -> Footprint:
        """Remembers the weight's length, sees the whole frame."""
        return Footprint(memory=self.weight.shape[2] - 1, radius=math.inf, mixes_channels=True)

    def working_arrays(self, outputs: Sequence[str]) -> float:
        """The input, behind the frames before it, and again in another order; what comes out is small."""
        return 4

    def _place(self, position: Pair | None, pitch: Pair | None) -> None:
        """Keep where the middle of the weight lies: as parameters, so that a saved cell comes back to its place."""
        doc = "middle of the weight (y, x), from that of the frame"
        self.position = None if position is None else _fixed(position, doc, "position")
        self.pixel_size = None if pitch is None else _fixed(pitch, "pixels (y, x) of the weight", "pixel_size")

    def origin(self, x: Tensor) -> tuple[int, int]:
        """First row and column of the weight in the frame of ``x``, in a run."""
        own, frame = (tuple(int(size) for size in shape) for shape in (self.weight.shape[3:], x.shape[3:]))
        if self.position is not None:
            pitch, sampling = self.pixel_size, self.info.sampling
            check_pitch(None if pitch is None else tuple(pitch.tolist()), sampling, "weight")
            return origin_of(tuple(self.position.tolist()), own, frame, sampling, "weight")
        if self.placement == "center":
            return origin_of((0.0, 0.0), own, frame, self.info.sampling, "weight")
        if own[0] > frame[0] or own[1] > frame[1]:
            got, cure = f"{own} px for a frame of {frame}", "a smaller kernel_size"
            raise ContractError(explain("weight", wanted="a field inside the frame", got=got, cure=cure))
        return 0, 0


def _fixed(pair: Pair, doc: str, label: str) -> Parameter:
    return Parameter(Quantity(np.array(pair), "degree"), "angle", doc=doc, requires_grad=False, label=label)
