"""`Module`: a torch module whose parameters and states have names, units and a place to be kept."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Self

import torch

import convis_xr
from convis_xr.context import running
from convis_xr.errors import ParameterError, UnitError, explain
from convis_xr.parameters import Derived, Namespace, Parameter, State, completion, files
from convis_xr.parameters.config import values_at
from convis_xr.parameters.state import compact


class Module(torch.nn.Module):
    """Parameters and states by path; what computes with them is `convis_xr.Layer`."""

    def __init__(self) -> None:
        super().__init__()
        completion.allow(type(self), Namespace)
        self._states: dict[str, State] = {}
        self._derived: dict[str, Derived] = {}

    def register_state(self, name: str, value: torch.Tensor | None = None, **facts: Any) -> None:
        """Declare that attribute ``name`` is carried in time; keywords as of `State`."""
        setattr(self, name, State(value, **facts))

    # --- names ----------------------------------------------------------------------------------------------

    @property
    def p(self) -> Namespace:
        """All parameters, by path."""
        return Namespace(dict(self.named_parameters()), "Parameters")

    @property
    def user_parameters(self) -> Namespace:
        """The parameters that have a unit and a meaning (`Parameter`), by path."""
        own = {name: value for name, value in self.named_parameters() if isinstance(value, Parameter)}
        return Namespace(own, "Parameters of the model that can be set by the user")

    @property
    def derived(self) -> Namespace:
        """All values that follow from parameters (`Derived`), by path; they are neither fitted nor saved."""
        found = {}
        for path, module in self.named_modules():
            if isinstance(module, Module):
                found.update({_join(path, name): value for name, value in module._derived.items()})
        return Namespace(found, "Derived values")

    @property
    def m(self) -> Namespace:
        """All layers and modules below this one, by path."""
        return Namespace({name: module for name, module in self.named_modules() if name}, "Modules")

    @property
    def s(self) -> Namespace:
        """All states, by path."""
        return Namespace(self._named_states(), "States")

    # --- state ----------------------------------------------------------------------------------------------

    def get_state(self) -> dict[str, torch.Tensor]:
        """The state that is held, path to tensor; what has not begun is left out."""
        return {path: value.clone() for path, value in self._held().items()}

    def set_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Hold this state; what it leaves out begins anew.

        Raises
        ------
        ParameterError
            A path that the model has not, or something that is no tensor.
        """
        self._hold({path: value.clone() for path, value in self._checked_state(state).items()})

    def clear_state(self) -> None:
        """Begin anew at the next call."""
        self.set_state({})

    def detach_state(self) -> None:
        """Cut the held state off the graph that it was computed by."""
        self._hold({path: value.detach() for path, value in self._held().items()})

    # --- parameters -----------------------------------------------------------------------------------------

    def get_parameters(self) -> dict[str, Any]:
        """Values by path, as arrays in base units (s, degree, Hz)."""
        return {name: value.detach().cpu().numpy().copy() for name, value in self.named_parameters()}

    def set_parameters(self, values: Mapping[str, Any], strict: bool = True) -> None:
        """Set parameters by path: quantities, texts, or arrays in base units as `get_parameters` gives them.

        Raises
        ------
        ParameterError
            The paths are not those of the model; with ``strict=False`` this is a warning, and those that fit are set.
        """
        self._assign(values, strict)

    def save_parameters(self, path: Any) -> None:
        """Write all values with units to a file, .npz or .json."""
        files.save(path, dict(self.named_parameters()))

    def load_parameters(self, path: Any, strict: bool = True) -> None:
        """Read what `save_parameters` wrote; ``strict`` as in `set_parameters`."""
        self._assign(files.load(path), strict)

    def to_config(self) -> Any:
        """The values of all parameters as `load_config` takes them: mappings within mappings, quantities at the end.

        Examples
        --------
        >>> import convis_xr as cx
        >>> cx.filters.LowPass("5 ms").to_config()
        {'tau': <Quantity(0.005, 'second')>}
        """
        own = dict(self.named_parameters())
        values = {
            path: one.value if isinstance(one, Parameter) else one.detach().cpu().numpy().copy()
            for path, one in own.items()
        }
        return Namespace(values).to_nested()

    def load_config(self, config: Any, prefix: str = "") -> None:
        """Set parameters to the values that a configuration has for them; the others stay as they are.

        Parameters
        ----------
        config : mapping, or RetinaConfig
            Paths to quantities; mappings within mappings, or dotted paths: ``{"center": {"tau": "5 ms"}}`` is
            ``{"center.tau": "5 ms"}``.
        prefix : str
            Where in ``config`` the values for this layer are: ``opl.load_config(config, prefix="opl")``.

        Raises
        ------
        UnitError, ParameterError
            A value that a parameter cannot have. Then none is changed.

        Warns
        -----
        UserWarning
            The layer has no parameter of that path.

        Examples
        --------
        >>> import convis_xr as cx
        >>> blur = cx.filters.SpaceTimeLowPass("0.1 deg", "10 ms")
        >>> blur.load_config({"center": {"tau": "5 ms"}}, prefix="center")
        >>> blur.tau.value
        <Quantity(0.005, 'second')>
        """
        values, own = values_at(config, prefix), dict(self.named_parameters())
        for path in [path for path in values if path not in own]:
            wanted, cure = f"paths among {', '.join(own) or 'none'}", "check its spelling; it is left out"
            warnings.warn(explain("config", wanted=wanted, got=path, cure=cure), stacklevel=2)
        files.assign(own, {path: value for path, value in values.items() if path in own})

    # --- inner workings -------------------------------------------------------------------------------------

    def _assign(self, values: Mapping[str, Any], strict: bool) -> None:
        own = dict(self.named_parameters())
        files.assign(own, _matching(own, values, strict))

    def __setattr__(self, name: str, value: Any) -> None:
        states = self.__dict__.get("_states", {})
        held = self.__dict__.get("_parameters", {}).get(name)
        if isinstance(value, State):
            states[name] = value
        elif name in states:
            self._write_state(name, value)
        elif isinstance(value, Derived):
            self._derive(name, value)
        elif name in self.__dict__.get("_derived", {}):
            self._end_derived(name, value)
        elif isinstance(held, Parameter) and value is not None and not isinstance(value, torch.nn.Parameter):
            held.set(value)
        else:
            if isinstance(value, Parameter):
                if isinstance(held, Parameter) and held.units != value.units:
                    got = f"one in {value.units}"
                    raise UnitError(explain(name, wanted=f"a parameter in {held.units}", got=got, cure="set its value"))
                value.label = name
            super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__.get("_states", {}):
            return self._read_state(name)
        derived = self.__dict__.get("_derived", {})
        if name in derived:
            # to what computes it is a number like any other
            return derived[name] if running(self) is None else torch.as_tensor(derived[name].get())
        return super().__getattr__(name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._states, *self._derived]

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        super()._apply(fn, recurse)
        for state in self._states.values():
            state.set(None if state.value is None else fn(state.value))
        return self

    def extra_repr(self) -> str:
        """Scalar parameters in the module's repr."""
        own = {
            name: value for name, value in self._parameters.items() if isinstance(value, Parameter) and value.ndim == 0
        }
        return ", ".join(f"{name}={value.value:.6g~C}" for name, value in own.items())

    def _repr_html_(self) -> str:
        return convis_xr.describe(self)._repr_html_()

    def _derive(self, name: str, value: Derived) -> None:
        """Let ``name`` follow from other values from now on."""
        held = self._parameters.get(name)
        before = self._derived.get(name)
        if any(old is not None and value.depends_on(old) for old in (held, before) if old is not value):
            cure = "a parameter of another name that both follow from"
            raise ParameterError(explain(name, wanted="no cycle", got=f"a value that follows from {name}", cure=cure))
        place = held if isinstance(held, Parameter) else None if before is None else before.stands_for
        if value.stands_for is None and place is not None:
            value.stands_for = place
            try:
                value.get()
            except ParameterError:
                value.stands_for = None
                raise
        self._parameters.pop(name, None)
        self.__dict__.pop(name, None)
        self._derived[name] = value

    def _end_derived(self, name: str, value: Any) -> None:
        """A parameter takes the place of a derived value; anything else would be overwritten silently."""
        held = self._derived[name]
        if not isinstance(value, torch.nn.Parameter):
            known = ", ".join(held.dependencies)
            cure = f"set what it follows from ({known}), or assign a cx.Parameter"
            wanted = "nothing: it is derived"
            raise ParameterError(explain(name, wanted=wanted, got=repr(value), cure=cure))
        del self._derived[name]
        if isinstance(value, Parameter):
            value.label = name
        super().__setattr__(name, value)

    def _checked_state(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        known = self._named_states()
        unknown = sorted(set(state) - set(known))
        if unknown:
            wanted = f"paths among {', '.join(known) or 'none: this model carries no state'}"
            raise ParameterError(explain("state", wanted=wanted, got=unknown[0], cure="a state of the same model"))
        for path, value in state.items():
            if not isinstance(value, torch.Tensor):
                got, cure = type(value).__name__, "what get_state gave"
                raise ParameterError(explain(f"state {path}", wanted="a tensor", got=got, cure=cure))
        return dict(state)

    def _named_states(self) -> dict[str, State]:
        found = {}
        for path, module in self.named_modules():
            if isinstance(module, Module):
                found.update({f"{path}.{name}" if path else name: state for name, state in module._states.items()})
        return found

    def _held(self) -> dict[str, torch.Tensor]:
        return {path: state.value for path, state in self._named_states().items() if state.value is not None}

    def _hold(self, state: Mapping[str, torch.Tensor]) -> None:
        for path, own in self._named_states().items():
            own.set(state.get(path))

    def _read_state(self, name: str) -> torch.Tensor | None:
        context = running(self)
        if context is None:
            return self._states[name].value
        return context.state.get(_join(context.paths[id(self)], name))

    def _write_state(self, name: str, value: torch.Tensor | None) -> None:
        context = running(self)
        if context is None:
            self._states[name].set(value)
        elif value is None:
            context.state.pop(_join(context.paths[id(self)], name), None)
        else:
            context.state[_join(context.paths[id(self)], name)] = compact(value)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _matching(own: Mapping[str, Any], values: Mapping[str, Any], strict: bool) -> dict[str, Any]:
    """The values that fit; whatever does not is said."""
    missing, unknown = sorted(set(own) - set(values)), sorted(set(values) - set(own))
    if missing or unknown:
        got = f"missing: {', '.join(missing) or 'none'}; unknown: {', '.join(unknown) or 'none'}"
        message = explain(
            "parameters", wanted="the parameters of this model", got=got, cure="strict=False to set what fits"
        )
        if strict:
            raise ParameterError(message)
        warnings.warn(message, stacklevel=4)
    return {name: value for name, value in values.items() if name in own}
