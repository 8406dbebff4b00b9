"""Responses, whose values know no black and white, made ready for a film."""

from __future__ import annotations

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.contract import is_spike_count, valid_range
from convis_xr.plotting.labels import scale_of
from convis_xr.plotting.reading import windows
from convis_xr.sampling import dequantified

#: frames from which the limits are read
PEEKED = 32


def within_limits(array: xr.DataArray) -> xr.DataArray:
    """Clip values to the limits of a colour scale, lazily, and note these as ``valid_range``.

    What has a ``valid_range``, and 8-bit film, stays as it is.

    Parameters
    ----------
    array : DataArray (time, ...)
        A few frames of it are read.
    """
    array = dequantified(array)
    if valid_range(array) is not None or (array.dtype == np.uint8 and not is_spike_count(array)):
        return array
    total = array.sizes[dims.TIME]
    low, high = scale_of(array.isel({dims.TIME: windows(total, min(PEEKED, total), 1)}).values).limits
    return array.clip(low, high).assign_attrs(array.attrs, valid_range=[low, high])
