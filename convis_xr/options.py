"""Defaults for what is made next: `set_options`, a function and a context manager."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from convis_xr.errors import ContractError, explain
from convis_xr.scales import pixel_degrees, step_seconds
from convis_xr.units import byte_count

_DEFAULTS: dict[str, Any] = {
    "dt": None,
    "pixel_size": None,
    "device": "cpu",
    "memory": "1 GiB",
    "progress": True,
    "grad": True,
}
_current = dict(_DEFAULTS)


class set_options:
    """Set defaults, for good or within a ``with`` block.

    Parameters
    ----------
    dt : quantity, optional
        Time step of data that carry none, such as bare arrays and tensors [s].
    pixel_size : quantity or pair (y, x), optional
        Pixel pitch of data that carry none [degree].
    device : str, optional
        Where models are run: ``"cpu"``, ``"cuda"``, ``"cuda:1"``.
    memory : int or str, optional
        Bytes that a run may use, such as ``"2 GiB"``.
    progress : bool, optional
        Show a progress bar (never where the output is no terminal).
    grad : bool, optional
        Whether parameters that are made next ask for gradients.

    Raises
    ------
    ContractError
        An option of that name does not exist, or cannot have that value.
    UnitError
        A wrong time step, pixel pitch or number of bytes.

    Examples
    --------
    >>> import convis_xr as cx
    >>> with cx.set_options(dt="1 ms", pixel_size="0.05 deg"):
    ...     cx.Sampling().dt
    <Quantity(0.001, 'second')>
    """

    def __init__(self, **options: Any) -> None:
        unknown = sorted(set(options) - set(_DEFAULTS))
        if unknown:
            known = ", ".join(_DEFAULTS)
            raise ContractError(
                explain("set_options", wanted=f"options among {known}", got=unknown[0], cure="one of these")
            )
        checked = {name: _checked(name, value) for name, value in options.items()}
        self._before = {name: _current[name] for name in checked}
        _current.update(checked)

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _current.update(self._before)


def get_option(name: str) -> Any:
    """The value that holds now.

    Examples
    --------
    >>> get_option("device")
    'cpu'
    """
    return _current[name]


def _checked(name: str, value: Any) -> Any:
    """Refuse a wrong value here, where it was given, not at some later use."""
    if name in ("dt", "pixel_size") and value is not None:
        step_seconds(value) if name == "dt" else pixel_degrees(value)
    if name == "memory":
        byte_count(value, "memory")
    if name in ("progress", "grad") and not isinstance(value, bool):
        raise ContractError(explain(name, wanted="True or False", got=repr(value), cure=f"{name}=True"))
    if name == "device":
        _check_device(value)
    return value


def _check_device(value: Any) -> None:
    import torch

    try:
        torch.empty(0, device=torch.device(value))
    except (RuntimeError, TypeError, AssertionError) as error:  # the last: torch was built without CUDA
        got = f"{value!r} ({str(error).splitlines()[0]})"
        raise ContractError(explain("device", wanted="a device at hand", got=got, cure='device="cpu"')) from error
