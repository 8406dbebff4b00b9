"""What all containers share: named parts, in a row or side by side."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Self

import torch
from torch import Tensor

from convis_xr.context import running
from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.footprint import Footprint
from convis_xr.layer import Layer
from convis_xr.models.combine import check_combine, check_dim, combined, footprint_after, unit_of_all
from convis_xr.models.nonlinearity import Mixed, footprint_of, unit_after
from convis_xr.models.parts import Chain, given_as, one_output, part_of, scaled
from convis_xr.sampling import Sampling

MODES = ("sequential", "parallel")
_NUMBERED = re.compile(r"layer_\d+")


class Container(Layer):
    """Parts by name and place, run ``mode="sequential"`` or ``"parallel"``; the base of `List`, `Dict` and others."""

    units_out = None
    mode: str
    combine: Any
    dim: str | None

    def __init__(self, mode: str, combine: Any = "concat", dim: str | None = None) -> None:
        super().__init__()
        self.mode, self.combine, self.dim = mode, combine, dim

    # --- parts ----------------------------------------------------------------------------------------------

    def named_parts(self) -> dict[str, torch.nn.Module | None]:
        """All parts by name, those that are None too."""
        return {name: part for name, part in self._modules.items() if name != "combine"}

    def modules_in_order(self) -> list[torch.nn.Module | None]:
        """All parts as they are called."""
        return list(self.named_parts().values())

    def append(self, part: Any, name: str | None = None) -> Self:
        """Add a part at the end; by default it is named for its place. Returns the container itself."""
        return self.insert(len(self), part, name)

    def extend(self, parts: Iterable[Any]) -> Self:
        """Add parts at the end. Returns the container itself."""
        for part in parts:
            self.append(part)
        return self

    def insert(self, index: int, part: Any, name: str | None = None) -> Self:
        """Add a part before another. Returns the container itself."""
        kept = list(self.named_parts().items())
        made = part_of(part, name or "part")
        if name is not None:
            self._check_name(name)
        kept.insert(index, (name or "layer_0", made))
        self._place(kept)
        return self

    def __len__(self) -> int:
        return len(self.named_parts())

    def __bool__(self) -> bool:
        return True  # a model is there even while it has no parts

    def __iter__(self) -> Iterator[Any]:
        return iter([given_as(part) for part in self.modules_in_order()])

    def __getitem__(self, key: Any) -> Any:
        """A part by place or name; a slice gives a list."""
        if isinstance(key, slice):
            return list(self)[key]
        return given_as(self.named_parts()[self._name(key)])

    def __setitem__(self, key: int | str, part: Any) -> None:
        if isinstance(key, str) and key not in self.named_parts():
            self.append(part, key)
            return
        name = self._name(key)
        self._modules[name] = part_of(part, name)

    def __delitem__(self, key: int | str) -> None:
        name = self._name(key)
        self._place([item for item in self.named_parts().items() if item[0] != name])

    def __iadd__(self, parts: Iterable[Any]) -> Self:
        return self.extend(parts)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "mode" and value not in MODES:
            raise ParameterError(explain("mode", wanted=" or ".join(MODES), got=repr(value), cure=f'mode="{MODES[0]}"'))
        if name == "dim":
            check_dim(value)
        if name == "combine":
            check_combine(value)
            self._modules.pop("combine", None)
            self.__dict__.pop("combine", None)
        elif name in self.__dict__.get("_modules", {}):
            value = part_of(value, name)
        super().__setattr__(name, value)

    # --- computing ------------------------------------------------------------------------------------------

    def forward(self, x: Tensor) -> Tensor | dict[str, Tensor]:
        """Response to (batch, channel, time, y, x)."""
        parts = self._present()
        return self._in_turn(x, parts) if self.mode == "sequential" else self._side_by_side(x, parts)

    def _in_turn(self, x: Tensor, parts: dict[str, torch.nn.Module]) -> Tensor | dict[str, Tensor]:
        *inner, (last_name, last) = parts.items()
        *scales, last_scale = Chain.of(list(parts.values())).scales
        for (name, part), scale in zip(inner, scales, strict=True):
            x = one_output(part(scaled(x, scale)), self._said(name), x)
        if self._gives_several(last):
            self._ask(last, self.wanted_outputs)
            several: dict[str, Tensor] = last(scaled(x, last_scale))
            return several
        return one_output(last(scaled(x, last_scale)), self._said(last_name), x, floating=False)

    def _side_by_side(self, x: Tensor, parts: dict[str, torch.nn.Module]) -> Tensor | dict[str, Tensor]:
        scales = {name: Chain.of([part], self.units_in).scales[0] for name, part in parts.items()}
        if self.combine == "none":
            return self._named(x, parts, scales)
        outputs = {name: one_output(part(scaled(x, scales[name])), self._said(name), x) for name, part in parts.items()}
        if callable(self.combine):
            return one_output(self.combine(*outputs.values()), self._said("combine"), x)
        return combined(outputs, self.combine, self.dim, x.shape[0])

    def _named(self, x: Tensor, parts: dict[str, torch.nn.Module], scales: dict[str, float]) -> dict[str, Tensor]:
        wanted, made = self.wanted_outputs, {}
        for name, part in parts.items():
            names = self._outputs_of(name, part)
            if self._gives_several(part):
                asked = tuple(own for own, said in names.items() if said in wanted)
                asked = asked or part.default_outputs  # type: ignore[assignment]
                self._ask(part, asked)
                results = part(scaled(x, scales[name]))
                # a part that is asked for one output may give it as it is
                several = results if isinstance(results, dict) else {asked[0]: results}
                made.update({names[own]: value for own, value in several.items()})
            else:
                made[name] = one_output(part(scaled(x, scales[name])), self._said(name), x, floating=False)
        return {name: made[name] for name in wanted}

    # --- what is declared -----------------------------------------------------------------------------------

    @property
    def output_names(self) -> tuple[str, ...]:
        """Of the last part in a row; of all parts side by side where they are not combined."""
        return self._all_outputs("output_names")

    @property
    def default_outputs(self) -> tuple[str, ...]:
        """The outputs that are given where none is asked for."""
        return self._all_outputs("default_outputs")

    @property
    def units_in(self) -> str | None:  # type: ignore[override]
        """Unit that the first part which minds wants its input in."""
        return self._first_that_minds().units_in

    @property
    def bare_in(self) -> bool:  # type: ignore[override]
        """Whether input without a unit is taken to be in ``units_in``."""
        return self._first_that_minds().bare_in

    def output_units(self, name: str, input_units: str) -> str:
        """Unit of one output: what the parts make of that of the input."""
        made = self.follow_unit(name, input_units)
        return made.refuse() if isinstance(made, Mixed) else made  # type: ignore[return-value]

    def follow_unit(self, name: str, unit: str | None) -> str | None:
        """Unit of one output for input in ``unit`` (None: not known yet); `Mixed` where there are several."""
        parts = self._present()
        unit = unit if self.units_in is None else self.units_in
        if self.mode == "sequential":
            *_, last = parts.values()
            return _unit_by_name(last, name, Chain.of(list(parts.values()), unit).unit)
        if self.combine == "none":
            return next(
                _unit_by_name(part, own, unit)
                for part_name, part in parts.items()
                for own, said in self._outputs_of(part_name, part).items()
                if said == name
            )
        return self._unit_of_combination([unit_after(part, unit) for part in parts.values()])

    def footprint(self, sampling: Sampling) -> Footprint:
        """One after the other, or side by side and then combined."""
        whole = Footprint()
        for part in self._present().values():
            own = footprint_of(part, sampling)
            whole = whole.then(own) if self.mode == "sequential" else whole.beside(own)
        if self.mode == "sequential" or self.combine == "none":
            return whole
        if callable(self.combine):
            return whole.then(footprint_of(self.combine, sampling))
        return footprint_after(whole, self.combine, self.dim)

    # --- inner workings -------------------------------------------------------------------------------------

    def _present(self) -> dict[str, torch.nn.Module]:
        parts = {name: part for name, part in self.named_parts().items() if part is not None}
        if not parts:
            name = type(self).__name__
            raise ContractError(explain(name, wanted="at least one part", got="none", cure="append(layer)"))
        return parts

    def _first_that_minds(self) -> Chain:
        parts = [part for part in self.modules_in_order() if part is not None]
        chains = [Chain.of(parts)] if self.mode == "sequential" else [Chain.of([part]) for part in parts]
        return next((chain for chain in chains if chain.units_in is not None), Chain(None, False, (), None))

    def _all_outputs(self, which: str) -> tuple[str, ...]:
        parts = {name: part for name, part in self.named_parts().items() if part is not None}
        if self.mode == "sequential" and parts:
            last = list(parts.values())[-1]
            return getattr(last, which) if isinstance(last, Layer) else ("response",)
        if self.mode == "sequential" or self.combine != "none":
            return ("response",)
        names = [
            said
            for name, part in parts.items()
            for own, said in self._outputs_of(name, part).items()
            if not isinstance(part, Layer) or own in getattr(part, which)
        ]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ContractError(explain(twice, wanted="one output of this name", got="two", cure="rename a part"))
        return tuple(names)

    def _outputs_of(self, name: str, part: torch.nn.Module) -> dict[str, str]:
        """Names of a part's outputs, own to said."""
        if not self._gives_several(part):
            return {"response": name}
        return {own: f"{name}_{own}" for own in part.output_names}  # type: ignore[union-attr]

    def _gives_several(self, part: torch.nn.Module) -> bool:
        return isinstance(part, Layer) and part.output_names != ("response",)

    def _unit_of_combination(self, units: list[str | None]) -> str | None:
        if isinstance(self.combine, str):
            return unit_of_all(units, self.combine)
        # a layer that keeps the unit of its inputs wants them all to be in one
        own = unit_after(self.combine, None) if isinstance(self.combine, Layer) else "1"
        return unit_of_all(units, "sum") if own is None else own

    def _ask(self, part: torch.nn.Module, outputs: tuple[str, ...]) -> None:
        """Let a part give these outputs in this run."""
        context = running(self)
        assert context is not None
        context.asked[id(part)] = outputs

    def _said(self, name: str) -> str:
        return f"{type(self).__name__}: {name}"

    def _name(self, key: int | str) -> str:
        names = list(self.named_parts())
        if isinstance(key, str):
            if key in names:
                return key
            raise KeyError(explain(type(self).__name__, wanted=f"one of {', '.join(names)}", got=key, cure="a part"))
        return names[key]

    def _check_name(self, name: str) -> None:
        said = isinstance(name, str) and name.isidentifier() and not name.startswith("_")
        if not said or (name not in self.named_parts() and hasattr(self, name)):
            wanted = "names of letters, digits and _ that mean nothing else to a layer"
            raise ParameterError(explain("name", wanted=wanted, got=repr(name), cure='name="on_pathway"'))
        if name in self.named_parts():
            raise ParameterError(explain("name", wanted="a name for each part", got=f"{name} twice", cure="rename"))

    def _place(self, items: list[tuple[str, torch.nn.Module | None]]) -> None:
        """Set the parts; those without a name of their own are named for their place."""
        for name in self.named_parts():
            del self._modules[name]
        for place, (name, part) in enumerate(items):
            self._modules[f"layer_{place}" if _NUMBERED.fullmatch(name) else name] = part


def _unit_by_name(part: torch.nn.Module, name: str, unit: str | None) -> str | None:
    if isinstance(part, Container):
        return part.follow_unit(name, unit)
    return part.output_units(name, unit) if isinstance(part, Layer) else unit_after(part, unit)  # type: ignore[arg-type]
