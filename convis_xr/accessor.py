"""``.convis`` on DataArray and Dataset: thin, only forwards. Registered by `convis_xr` as soon as there is xarray."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr

from convis_xr.errors import ContractError, explain

if TYPE_CHECKING:
    import os

    import torch

    from convis_xr.describing import Description
    from convis_xr.sampling import Sampling


class _Accessor:
    """What a DataArray and a Dataset share."""

    def __init__(self, data: Any) -> None:
        self._data = data

    @property
    def sampling(self) -> Sampling:
        """Time step and pixel pitch, read off the coordinates; see `convis_xr.Sampling.of`."""
        from convis_xr.sampling import Sampling

        return Sampling.of(self._data)

    def describe(self) -> Description:
        """Dimensions, sampling, unit, range, and how the values are held; see `convis_xr.describe`."""
        from convis_xr.describing import describe

        return describe(self._data)

    def plot(self, mode: str | None = None, **options: Any) -> Any:
        """A holoviews picture that reads only what it shows; see `convis_xr.plotting.plot`."""
        from convis_xr.plotting import plot

        return plot(self._data, mode, **options)


@xr.register_dataarray_accessor("convis")
class DataArrayAccessor(_Accessor):
    """``stimulus.convis``, ``response["parvo_on"].convis``."""

    def spikes(self) -> xr.Dataset:
        """When and where each spike fell: a table of events; see `convis_xr.analysis.spike_times`."""
        from convis_xr.analysis import spike_times

        return spike_times(self._data)

    def to_tensor(
        self, *, device: Any = None, dtype: torch.dtype | None = None, requires_grad: bool = False
    ) -> torch.Tensor:
        """The values as a tensor (batch, channel, time, y, x), by default float32; `convis_xr.tensors.to_tensor`."""
        import torch

        from convis_xr.tensors import to_tensor

        chosen = torch.float32 if dtype is None else dtype
        return to_tensor(self._data, device=device, dtype=chosen, requires_grad=requires_grad)

    def to_video(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Write a film, as `convis_xr.io.to_video`; values of unknown range get the contrast of a picture of them."""
        from convis_xr.io import to_video
        from convis_xr.plotting.contrast import within_limits

        film = self._data if "valid_range" in options else within_limits(self._data)
        to_video(film, path, **options)


@xr.register_dataset_accessor("convis")
class DatasetAccessor(_Accessor):
    """``response.convis``: the variables by order, name, path or attribute, and what can be done with them.

    Examples
    --------
    >>> import convis_xr as cx
    >>> response = xr.Dataset({"center": ("time", [1.0, 2.0]), "parvo_on": ("time", [0, 1])})
    >>> [response.convis[key].name for key in (0, "parvo_on", "opl.center")], response.convis.center.values
    (['center', 'parvo_on', 'center'], array([1., 2.]))
    """

    @property
    def state(self) -> dict[str, torch.Tensor]:
        """The model's state after the last frame, path to tensor: what a run can go on from."""
        from convis_xr.engine.state import read_state

        return read_state(self._data)

    def spikes(self) -> xr.DataTree:
        """When and where each spike fell: a table of events for whatever spikes; see `analysis.spike_tables`."""
        from convis_xr.analysis import spike_tables

        return spike_tables(self._data)

    def __getitem__(self, key: int | str) -> xr.DataArray:
        """A variable by its place, its name, or the path of what computes it (``"opl.center"`` is ``center``)."""
        names = [str(name) for name in self._data.data_vars]
        if isinstance(key, int):
            wanted = [names[key]] if -len(names) <= key < len(names) else []
        else:
            wanted = [key, key.replace(".", "_"), key.rpartition(".")[2]]
        found = next((name for name in wanted if name in names), None)
        if found is None:
            cure = f'.convis["{names[0]}"]' if names else "outputs=[...] when you run"
            known = f"a place below {len(names)}, or a name among {', '.join(names) or 'none'}"
            raise ContractError(explain("convis", wanted=known, got=repr(key), cure=cure))
        result: xr.DataArray = self._data[found]
        return result

    def __getattr__(self, name: str) -> xr.DataArray:
        # __init__ may not have run when a copy or a pickle asks
        if not name.startswith("_") and name in self._data.data_vars:
            result: xr.DataArray = self._data[name]
            return result
        raise AttributeError(f"{type(self).__name__} has no attribute or variable {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name for name in self._data.data_vars if str(name).isidentifier())})

    def _ipython_key_completions_(self) -> list[str]:
        return [str(name) for name in self._data.data_vars]
