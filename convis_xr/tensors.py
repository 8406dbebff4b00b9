"""The bridge between labels and tensors: named dimensions in, (batch, channel, time, y, x) out, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr

from convis_xr import dims
from convis_xr.contract import check_stimulus
from convis_xr.coordinates import space
from convis_xr.errors import ContractError, explain
from convis_xr.options import get_option


def to_tensor(
    data: xr.DataArray, *, device: Any = None, dtype: torch.dtype = torch.float32, requires_grad: bool = False
) -> torch.Tensor:
    """A labelled array as a tensor of five axes; dimensions that it lacks have length 1.

    Parameters
    ----------
    data : DataArray (any of batch, channel, time, y, x, in any order)
        Is read into memory. Must keep to `convis_xr.contract`.
    device : str or torch.device, optional
        By default that of `set_options`.
    dtype : torch.dtype
        A floating one.
    requires_grad : bool
        Whether gradients shall reach the tensor.

    Returns
    -------
    Tensor (batch, channel, time, y, x)
        Row 0 is the top of the picture.
    """
    array, _ = check_stimulus(data, "data")
    tensor = block_to_tensor(array.values, tuple(str(dim) for dim in array.dims), device=device, dtype=dtype)
    return tensor.requires_grad_(requires_grad)


def block_to_tensor(
    block: np.ndarray[Any, Any], names: tuple[str, ...], *, device: Any = None, dtype: torch.dtype | None = None
) -> torch.Tensor:
    """A block in tensor order (see `convis_xr.dims.ordered`) as a tensor of five axes, cast on the device if at all."""
    index = tuple(slice(None) if dim in names else None for dim in dims.STIMULUS)
    contiguous = np.ascontiguousarray(block, dtype=block.dtype.newbyteorder("="))  # torch knows no other byte order
    if not contiguous.flags.writeable:
        contiguous = contiguous.copy()
    moved = torch.from_numpy(contiguous[index]).to(get_option("device") if device is None else device)
    return moved if dtype is None else moved.to(dtype)


def from_tensor(
    tensor: torch.Tensor, like: xr.DataArray, *, units: str | None = None, name: str | None = None
) -> xr.DataArray:
    """Put the labels of ``like`` back onto a tensor that was computed from it.

    Parameters
    ----------
    tensor : Tensor (batch, channel, time, y, x)
        As many time steps as ``like``; a frame of another size keeps its pitch and is centred.
    like : DataArray
        The stimulus.
    units : str, optional
        Unit of the values; by default that of ``like``.
    name : str, optional
        Name of the array.

    Returns
    -------
    DataArray
        With the dimensions of ``like``, and batch or channel where the tensor has several.

    Raises
    ------
    ContractError
        The tensor has not five axes, or another number of time steps.
    """
    reference, _ = check_stimulus(like, "like")
    if tensor.ndim != 5:
        cure = "a tensor (batch, channel, time, y, x)"
        raise ContractError(explain("tensor", wanted="five axes", got=f"shape {tuple(tensor.shape)}", cure=cure))
    if dims.TIME in reference.dims and reference.sizes[dims.TIME] != tensor.shape[2]:
        got = f"{tensor.shape[2]} time steps for {reference.sizes[dims.TIME]}"
        raise ContractError(
            explain("tensor", wanted="as many time steps as `like`", got=got, cure="pass the same part")
        )
    labels = output_labels(reference, tuple(tensor.shape))
    return labels.wrap(tensor, reference.attrs["units"] if units is None else units, name)


@dataclass(frozen=True)
class Labels:
    """Dimensions, their lengths and coordinates, of an output."""

    sizes: dict[str, int]
    coords: xr.Coordinates

    def wrap(self, tensor: torch.Tensor, units: str, name: str | None = None) -> xr.DataArray:
        """A tensor (batch, channel, time, y, x) of these sizes, labelled."""
        return xr.DataArray(self.strip(tensor), self.coords, tuple(self.sizes), name=name, attrs={"units": units})

    def strip(self, tensor: torch.Tensor) -> np.ndarray[Any, Any]:
        """The values without the axes that these labels have not."""
        index = tuple(slice(None) if dim in self.sizes else 0 for dim in dims.STIMULUS)
        values: np.ndarray[Any, Any] = tensor.detach()[index].cpu().numpy()
        return values


def output_labels(like: xr.DataArray, shape: tuple[int, ...]) -> Labels:
    """The labels of an output of tensor shape ``shape``, computed from ``like`` (which keeps to the contract)."""
    sizes = {dim: size for dim, size in zip(dims.STIMULUS, shape, strict=True) if dim in like.sizes or size != 1}
    changed = [dim for dim in like.dims if sizes[str(dim)] != like.sizes[dim]]
    coords = like.coords.to_dataset()
    coords = coords.drop_vars([name for name, value in coords.variables.items() if set(value.dims) & set(changed)])
    centred = {str(dim): _centred(like.coords[dim], sizes[str(dim)]) for dim in changed if dim in dims.SPACE}
    return Labels(sizes, coords.assign_coords(centred).coords)


def _centred(coordinate: xr.DataArray, size: int) -> xr.Variable:
    """Pixel centres of a frame of another size around the same centre."""
    values = coordinate.values
    step = (values[-1] - values[0]) / (len(values) - 1) if len(values) > 1 else coordinate.attrs.get("step", 1.0)
    made = space(str(coordinate.name), size, float(step))
    return xr.Variable(made.dims, made.values + values.mean(), {**made.attrs, **coordinate.attrs})
