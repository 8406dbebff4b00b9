"""How far a receptive field is one time course times one picture."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.analysis.one_pass.pairs import Floats
from convis_xr.errors import ContractError, explain
from convis_xr.sampling import dequantified

#: a field whose mean is so many times its standard deviation over the window is told to be an average
_FLAT = 3


def separability(field: xr.DataArray) -> xr.Dataset:
    r"""Separate receptive fields in space and time, by singular values.

    :math:`F(k, \vec r) = \sum_i \sigma_i\, u_i(k)\, v_i(\vec r)`, the index being :math:`\sigma_1^2/\sum_i\sigma_i^2`:
    the part of the field's power that one time course times one picture makes, 1 where it is separable (DeAngelis,
    Ohzawa & Freeman 1995, Trends Neurosci 18:451). Take off the stimulus' mean first, where the field is an average.

    Parameters
    ----------
    field : DataArray (time, and y or x, and any other dims) [any unit]
        Receptive fields, ``time`` being the lag. Other dimensions, such as ``cell``, are kept.

    Returns
    -------
    Dataset
        ``index`` (cell) [1]; ``singular_values`` (cell, component) [unit of the field], descending; ``temporal``
        (cell, component, time) and ``spatial`` (cell, component, y, x) [1], each of length 1. A picture is positive
        where it is strongest, and the time course has the sign: negative where darkness excites. NaN for a field with
        NaN; a field of zeros has singular values of 0 and NaN otherwise.

    Raises
    ------
    ContractError
        The field has no time or no space.

    Warns
    -----
    UserWarning
        A field is next to constant, as an average is from which the stimulus' mean was not taken off: of this, not of
        the field, the index would tell.

    Examples
    --------
    >>> import convis_xr as cx
    >>> course = xr.DataArray([0.0, -2.0, 1.0], dims="time")
    >>> picture = xr.DataArray([[1.0, 3.0], [0.0, 1.0]], dims=("y", "x"))
    >>> parts = cx.analysis.separability(course * picture)
    >>> round(float(parts.index), 6), parts.temporal.sel(component=0).values.round(3).tolist()
    (1.0, [0.0, -0.894, 0.447])
    """
    field, space = _checked(field)
    lags = field.sizes[dims.TIME]
    rest = [dim for dim in field.dims if dim not in (dims.TIME, *space)]
    ordered = field.transpose(*rest, dims.TIME, *space).astype(np.float64)
    matrices = ordered.values.reshape(-1, lags, int(np.prod([field.sizes[dim] for dim in space])))
    usable = np.isfinite(matrices).all((1, 2))
    _warn_of_means(matrices[usable])
    temporal, sizes, spatial = np.linalg.svd(np.where(usable[:, None, None], matrices, 0), full_matrices=False)
    temporal = np.swapaxes(temporal, 1, 2)  # (field, component, time)
    strongest = np.take_along_axis(spatial, np.abs(spatial).argmax(-1)[..., None], -1)
    signs = np.where(strongest < 0, -1.0, 1.0)
    power = np.square(sizes).sum(-1)
    empty = ~usable | (power == 0)
    temporal, spatial = (np.where(empty[:, None, None], np.nan, part * signs) for part in (temporal, spatial))
    with np.errstate(invalid="ignore"):
        index = np.where(empty, np.nan, np.square(sizes[:, 0]) / power)
    sizes[~usable] = np.nan
    units = {"units": str(field.attrs["units"])} if "units" in field.attrs else {}
    made = {
        "index": (index, [], {"units": "1", "long_name": "separability index"}),
        "singular_values": (sizes, [dims.COMPONENT], {**units, "long_name": "singular values"}),
        "temporal": (temporal, [dims.COMPONENT, dims.TIME], {"units": "1", "long_name": "time courses"}),
        "spatial": (spatial, [dims.COMPONENT, *space], {"units": "1", "long_name": "pictures"}),
    }
    sized = {**ordered.sizes, dims.COMPONENT: sizes.shape[-1]}
    variables = {
        name: xr.Variable([*rest, *named], values.reshape([sized[dim] for dim in (*rest, *named)]), attrs)
        for name, (values, named, attrs) in made.items()
    }
    coords = {name: value for name, value in field.coords.items() if value.dims}
    return xr.Dataset(variables, {**coords, dims.COMPONENT: np.arange(sizes.shape[-1])})


def _warn_of_means(fields: Floats) -> None:
    """Say so where a field (field, lag, pixel) is its mean, and little beside."""
    flat = fields.reshape(len(fields), -1)
    share = _FLAT * flat.std(1) < np.abs(flat.mean(1))
    if flat.shape[1:] > (1,) and share.any():
        got = f"{share.sum()} of {len(flat)} whose mean is above {_FLAT} times its spread"
        cure = "separability(average - stimulus.mean())"
        warnings.warn(explain("field", wanted="fields around 0", got=got, cure=cure), UserWarning, stacklevel=3)


def _checked(field: xr.DataArray) -> tuple[xr.DataArray, tuple[str, ...]]:
    """A field, and the dimensions of space that it has."""
    if not isinstance(field, xr.DataArray):
        got, cure = type(field).__name__, "what cx.analysis.sta gives"
        raise ContractError(explain("field", wanted="a DataArray (time, y, x)", got=got, cure=cure))
    field = dequantified(field)
    space = tuple(dim for dim in dims.SPACE if dim in field.dims)
    if dims.TIME not in field.dims or not space:
        got, cure = f"{field.dims}", "a field over lags and pixels, as cx.analysis.sta gives it"
        raise ContractError(explain("field", wanted="time, and y or x", got=got, cure=cure))
    if dims.COMPONENT in field.dims:
        got, cure = f"a dimension {dims.COMPONENT!r}", f'field.rename({dims.COMPONENT}="cell")'
        raise ContractError(explain("field", wanted="cells along a dimension of theirs", got=got, cure=cure))
    if not field.size or field.dtype.kind not in "biuf":
        got = f"sizes {dict(field.sizes)} of {field.dtype}"
        raise ContractError(explain("field", wanted="real numbers", got=got, cure="a field that holds some"))
    return field, space
