"""The bridge between labels and tensors: named dimensions in, (batch, channel, time, y, x) out, and back."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
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
    #: what the five axes of the tensor are called; those that ``sizes`` has not are of length 1
    axes: tuple[str, ...] = dims.STIMULUS
    #: whose own the cells or events of the output are; "" where its dimensions are those of the stimulus
    owner: str = ""

    def wrap(self, tensor: torch.Tensor, units: str, name: str | None = None) -> xr.DataArray:
        """A tensor (batch, channel, time, y, x) of these sizes, labelled."""
        return xr.DataArray(self.strip(tensor), self.coords, tuple(self.sizes), name=name, attrs={"units": units})

    def strip(self, tensor: torch.Tensor) -> np.ndarray[Any, Any]:
        """The values without the axes that these labels have not."""
        index = tuple(slice(None) if dim in self.sizes else 0 for dim in self.axes)
        values: np.ndarray[Any, Any] = tensor.detach()[index].cpu().numpy()
        return values

    def repeated(self, number: int) -> Labels:
        """With a first dimension of so many trials, which the tensor of one trial has not."""
        trials = xr.Variable(dims.REPEAT, np.arange(number), {"long_name": "number of the trial"})
        coords = self.coords.to_dataset().assign_coords({dims.REPEAT: trials}).coords
        return Labels({dims.REPEAT: number, **self.sizes}, coords, self.axes, self.owner)

    def beside_others(self) -> Labels:
        """With names that do not meet those of other outputs in a Dataset.

        The dimension ``cell`` of the owner ``on`` is called ``on_cell``, and what lies along it ``on_cell_<name>``.
        """
        if not self.owner:
            return self
        own = f"{self.owner}_{dims.CELL}"
        names = {dims.CELL: own}
        along = [str(name) for name, value in self.coords.items() if dims.CELL in value.dims and name != dims.CELL]
        changed = self.coords.to_dataset().rename({name: f"{own}_{name}" for name in along})
        if dims.CELL in changed.dims:
            changed = changed.rename({dims.CELL: own})
        sizes = {names.get(dim, dim): size for dim, size in self.sizes.items()}
        return Labels(sizes, changed.coords, tuple(names.get(axis, axis) for axis in self.axes), self.owner)


def output_labels(like: xr.DataArray, shape: tuple[int, ...]) -> Labels:
    """The labels of an output of tensor shape ``shape``, computed from ``like`` (which keeps to the contract)."""
    sizes = {dim: size for dim, size in zip(dims.STIMULUS, shape, strict=True) if dim in like.sizes or size != 1}
    changed = [dim for dim in like.dims if sizes[str(dim)] != like.sizes[dim]]
    coords = _without(like.coords.to_dataset(), changed)
    centred = {str(dim): _centred(like.coords[dim], sizes[str(dim)]) for dim in changed if dim in dims.SPACE}
    return Labels(sizes, coords.assign_coords(centred).coords)


def cell_labels(
    like: xr.DataArray, shape: tuple[int, ...], along: Mapping[str, xr.Variable], owner: str = ""
) -> Labels:
    """The labels of an output over cells: tensor shape (batch, channel, time, 1, cell).

    Parameters
    ----------
    like : DataArray
        The stimulus.
    shape : tuple of int
    along : dict of Variable (cell)
        Coordinates of the cells.
    owner : str
        The layer whose own the array of cells is; "" where all outputs share it.
    """
    axes = (*dims.STIMULUS[:3], dims.Y, dims.CELL)
    sizes = {
        dim: size
        for dim, size in zip(axes, shape, strict=True)
        if dim == dims.CELL or (dim != dims.Y and (dim in like.sizes or size != 1))
    }
    changed = [dim for dim in like.dims if dim in dims.SPACE or sizes[str(dim)] != like.sizes[dim]]
    coords = _without(like.coords.to_dataset(), changed)
    # a cell is no pixel of a grid: what says that it is one goes
    plain = {
        name: xr.Variable(value.dims, value.values, {k: v for k, v in value.attrs.items() if k not in ("step", "axis")})
        for name, value in along.items()
    }
    return Labels(sizes, coords.assign_coords(plain).coords, axes, owner)


def _without(coords: xr.Dataset, changed: Collection[Hashable]) -> xr.Dataset:
    """Only the coordinates that do not lie along a dimension that has changed."""
    return coords.drop_vars([name for name, value in coords.variables.items() if set(value.dims) & set(changed)])


def _centred(coordinate: xr.DataArray, size: int) -> xr.Variable:
    """Pixel centres of a frame of another size around the same centre."""
    values = coordinate.values
    step = (values[-1] - values[0]) / (len(values) - 1) if len(values) > 1 else coordinate.attrs.get("step", 1.0)
    made = space(str(coordinate.name), size, float(step))
    return xr.Variable(made.dims, made.values + values.mean(), {**made.attrs, **coordinate.attrs})
