"""The containers: `List`, `Dict`, `Sequential`, `Parallel`."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping
from typing import Any

from convis_xr.models.container import Container
from convis_xr.models.parts import given_as


class List(Container):
    r"""Parts in a list, run one after the other or side by side.

    With parts :math:`f_i`, sequential: :math:`y = f_n(\dots f_1(x))`; parallel: :math:`y = C(f_1(x), \dots, f_n(x))`,
    where :math:`C` joins, adds, averages or multiplies.

    Parameters
    ----------
    *parts : Layer, torch module, function, name of a nonlinearity, or None
        They are named ``layer_0``, ``layer_1``, ...; None is a place that is left out.
    mode : "sequential" or "parallel"
        Whether each part gets what the one before it gives, or all get the same input.
    combine : "concat", "sum", "mean", "product", "none", or function
        What becomes of the outputs of parallel parts: they are joined; reduced; given by their names (a Dataset); or
        handed to a function, torch module or Layer that takes them all.
    dim : "channel", "batch", "y", "x", or None
        Outputs are joined along this dimension, and reduced over it. None: "concat" joins channels, and "sum", "mean",
        "product" combine value by value. The outputs of one entry of a batch stay together, so a batch of n with
        k parts gives n * k entries in the order (n, k).

    Raises
    ------
    ContractError
        A part gives several outputs where one is wanted (`Pick` takes one), or outputs do not fit together.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray in the unit of the first part that wants one. Output: that
    of the last part, or the combination; where parts are not combined, outputs are named for the parts: ``<part>``, or
    ``<part>_<output>`` for a part with several.

    Examples
    --------
    >>> import convis_xr as cx, torch
    >>> model = cx.models.List(cx.filters.Conv3d(1, (5, 3, 3)), "relu", cx.filters.Conv3d(1, (5, 3, 3)))
    >>> model(torch.rand(1, 1, 9, 6, 6)).shape, len(model), type(model[2]).__name__
    (torch.Size([1, 1, 9, 6, 6]), 3, 'Conv3d')
    >>> both = cx.models.List(cx.filters.Conv3d(1, (5, 3, 3)), cx.filters.Conv3d(1, (5, 3, 3)), mode="parallel")
    >>> both(torch.rand(1, 1, 9, 6, 6)).shape
    torch.Size([1, 2, 9, 6, 6])
    """

    def __init__(self, *parts: Any, mode: str = "sequential", combine: Any = "concat", dim: str | None = None) -> None:
        super().__init__(mode, combine, dim)
        self.extend(parts)


class Dict(Container):
    r"""Parts by name, run one after the other in the order in which they were added, or side by side.

    :math:`y = f_n(\dots f_1(x))` or :math:`y = C(f_1(x), \dots, f_n(x))`, as in `List`.

    Parameters
    ----------
    *parts : mapping, pair (name, part), or part
        Mappings and pairs tell names; a part alone is named for its place.
    mode, combine, dim
        As in `List`.
    **named
        Parts by name.

    Raises
    ------
    ContractError
        As in `List`.
    ParameterError
        A name that is taken, or that means something else to a layer.

    Notes
    -----
    Input and output as in `List`. Iterates over names, as a dict; ``keys``, ``values``, ``items`` as well.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> step = cx.as_stimulus(np.ones(3), dt="10 ms", units="1")
    >>> model = cx.models.Dict(
    ...     fast=cx.filters.LowPass("5 ms"), slow=cx.filters.LowPass("50 ms"), mode="parallel", combine="none"
    ... )
    >>> response = model(step)
    >>> list(response.data_vars), response.slow.values.round(3)
    (['fast', 'slow'], array([0.181, 0.33 , 0.451]))
    """

    def __init__(
        self, *parts: Any, mode: str = "sequential", combine: Any = "concat", dim: str | None = None, **named: Any
    ) -> None:
        super().__init__(mode, combine, dim)
        for given in (*parts, named):
            self._add(given)

    def _add(self, given: Any) -> None:
        if isinstance(given, Mapping):
            for name, part in given.items():
                self.append(part, name)
        elif isinstance(given, tuple) and len(given) == 2:
            self.append(given[1], given[0])
        else:
            self.append(given)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.named_parts())

    def __contains__(self, name: object) -> bool:
        return name in self.named_parts()

    def keys(self) -> KeysView[str]:
        """Names of the parts."""
        return self.named_parts().keys()

    def values(self) -> list[Any]:
        """The parts."""
        return [given_as(part) for part in self.modules_in_order()]

    def items(self) -> ItemsView[str, Any]:
        """Names and parts."""
        return {name: given_as(part) for name, part in self.named_parts().items()}.items()


class Sequential(Container):
    r"""Parts one after the other, :math:`y = f_n(\dots f_1(x))`: each gets what the one before it gives.

    Parameters
    ----------
    *parts : Layer, torch module, function, name of a nonlinearity, mapping, or None
        As in `List`; a mapping tells names.
    **named
        Parts by name, after the others.

    Raises
    ------
    ContractError
        A part but the last gives several outputs (`Pick` takes one).

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray in the unit of the first part that wants one. Outputs and
    units are those of the last part; between parts numbers are converted to the unit that the next one counts in.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> film = cx.as_stimulus(np.ones((5, 8, 8)), dt="1 ms", pixel_size="0.1 deg", units="1")
    >>> model = cx.models.Sequential(cx.filters.Gaussian("0.2 deg"), ln=cx.models.LN((5, 3, 3)))
    >>> model(film).dims, model.ln is model[1]
    (('time', 'y', 'x'), True)
    """

    def __init__(self, *parts: Any, **named: Any) -> None:
        super().__init__("sequential")
        _add_all(self, parts, named)


class Parallel(Container):
    r"""Parts side by side, :math:`y = C(f_1(x), \dots, f_n(x))`: all get the same input.

    Parameters
    ----------
    *parts : Layer, torch module, function, name of a nonlinearity, mapping, or None
        As in `List`; a mapping tells names.
    combine, dim
        As in `List`.
    **named
        Parts by name, after the others.

    Raises
    ------
    ContractError
        Outputs that do not fit together.

    Notes
    -----
    Input and output as in `List`.

    Examples
    --------
    >>> import convis_xr as cx, torch
    >>> on, off = cx.models.LN((5, 3, 3)), cx.models.LN((5, 3, 3))
    >>> cx.models.Parallel(on=on, off=off, combine="sum")(torch.rand(1, 1, 9, 6, 6)).shape
    torch.Size([1, 1, 9, 6, 6])
    >>> cx.models.Parallel(on=on, off=off, dim="x")(torch.rand(1, 1, 9, 6, 6)).shape
    torch.Size([1, 1, 9, 6, 12])
    """

    def __init__(self, *parts: Any, combine: Any = "concat", dim: str | None = None, **named: Any) -> None:
        super().__init__("parallel", combine, dim)
        _add_all(self, parts, named)


def _add_all(container: Container, parts: tuple[Any, ...], named: Mapping[str, Any]) -> None:
    for given in (*parts, named):
        if isinstance(given, Mapping):
            for name, part in given.items():
                container.append(part, name)
        else:
            container.append(given)
