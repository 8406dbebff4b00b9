"""`describe`: what any object of the library is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import xarray as xr

from convis_xr.describing.data import describe_array, describe_dataset, describe_stream
from convis_xr.describing.description import Description
from convis_xr.describing.models import describe_module
from convis_xr.describing.values import (
    describe_derived,
    describe_names,
    describe_parameter,
    describe_state,
    describe_state_dict,
    describe_tensor,
)
from convis_xr.errors import ContractError, explain
from convis_xr.parameters import Derived, Namespace, Parameter, State
from convis_xr.streams import Stream


def describe(obj: Any) -> Description:
    """Say what a model, a parameter, a stimulus, a response or a state is. Nothing is computed or read from a disk.

    Parameters
    ----------
    obj : Layer or torch module, Parameter, Derived, State, Namespace, DataArray, Dataset, Stream, state (dict),
        Tensor
        Of a model: its parameters (path, value, unit, bounds, meaning, source, fitted or fixed), derived values,
        states, outputs, layers and footprint. Of data: dimensions, sampling, unit, range, and how it is held.

    Returns
    -------
    Description
        Print it, or leave it at the end of a notebook's cell.

    Raises
    ------
    ContractError
        An object of another kind.

    Examples
    --------
    >>> import convis_xr as cx
    >>> cx.describe(cx.filters.LowPass("10 ms")).table("Parameters").records()[0]["value"]
    '0.01'
    >>> cx.describe(cx.as_stimulus([0.0, 1.0], dt="1 ms", units="Hz"))
    DataArray
      values: Hz, float64
      held: in memory, 16 B
      sampling: Sampling(dt='1 ms', pixel_size=None)
      stimulus: yes, a model takes it as it is
    Dimensions
      name  size  unit  from  to     step
      time  2     s     0     0.001  0.001
    """
    for kind, show in _SHOWS.items():
        if isinstance(obj, kind):
            return show(obj)
    wanted = "a model, a parameter, a stimulus, a response or a state"
    raise ContractError(
        explain("obj", wanted=wanted, got=type(obj).__name__, cure="cx.as_stimulus(...) of bare arrays")
    )


#: the first kind that fits decides
_SHOWS: dict[Any, Any] = {
    xr.DataArray: describe_array,
    xr.Dataset: describe_dataset,
    Stream: describe_stream,
    Parameter: describe_parameter,
    Derived: describe_derived,
    State: describe_state,
    Namespace: describe_names,
    torch.nn.Module: describe_module,
    torch.Tensor: describe_tensor,
    Mapping: describe_state_dict,
}
