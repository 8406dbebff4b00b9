"""The mark of an unfinished fit: one file with everything that the rest of it depends on, written after each epoch.

It is replaced as a whole, so that whenever the process dies what it holds is true.
"""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from convis_xr.engine.provenance import differences
from convis_xr.errors import ContractError, ResumeError, explain
from convis_xr.fitting.bounds import Coordinates
from convis_xr.fitting.history import History

_KIND = "convis_xr fit"
_PARTIAL = ".partial"


@dataclass
class Standing:
    """All that changes from epoch to epoch.

    Parameters
    ----------
    coordinates : Coordinates
    optimizer : torch.optim.Optimizer
    scheduler : torch.optim.lr_scheduler.LRScheduler, optional
    history : History
    best : snapshot of the coordinates
        Those of the best epoch.
    burn_in : int
        Steps; by default it follows from what the parameters were at the start.
    """

    coordinates: Coordinates
    optimizer: torch.optim.Optimizer
    scheduler: Any
    history: History
    best: Any
    burn_in: int

    def save(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Write it to a file, as a whole or not at all."""
        held = {
            "kind": _KIND,
            "facts": json.dumps(facts, sort_keys=True),
            "coordinates": self.coordinates.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "history": asdict(self.history),
            "best": list(self.best),
            "burn_in": self.burn_in,
        }
        half = path.with_name(path.name + _PARTIAL)
        with open(half, "wb") as file:  # of a path torch tells nothing but "enforce fail"
            torch.save(held, file)
        os.replace(half, path)

    def load(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Stand where a file says.

        Raises
        ------
        ResumeError
            It is none of ours, or that of another fit.
        """
        if not zipfile.is_zipfile(path):  # what is none can make torch raise anything
            raise _not_ours(path, "another file")
        try:
            held = torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, KeyError) as error:
            raise _not_ours(path, str(error)) from error
        if not isinstance(held, dict) or held.get("kind") != _KIND:
            raise _not_ours(path, "another file")
        other = differences(json.loads(held["facts"]), json.loads(json.dumps(facts)))
        if other:
            cure = "the same arguments as before, or another checkpoint="
            got = f"another: {'; '.join(other[:5])}"
            raise ResumeError(explain("resume", wanted=f"the fit that {path} belongs to", got=got, cure=cure))
        self.coordinates.load_state_dict(held["coordinates"])
        load_optimizer(self.optimizer, held["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(held["scheduler"])
        self.history, self.burn_in = History(**held["history"]), held["burn_in"]
        self.best = tuple(self.coordinates.placed(tensors) for tensors in held["best"])


def load_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """As the optimizer's own, but with every number as it was: torch's casts all of a state to its first parameter."""
    optimizer.load_state_dict(dict(state))
    moved = [one for group in optimizer.param_groups for one in group["params"]]
    for index, own in state["state"].items():
        held = optimizer.state[moved[int(index)]]
        for name, value in own.items():
            held[name] = _copied(value, moved[int(index)].device, keep=isinstance(held.get(name), torch.Tensor))


def checkpoint_path(given: Any, resume: bool) -> Path | None:
    """Where the mark lies.

    Raises
    ------
    ContractError
        It exists and ``resume`` was not asked for, or there is none to go on with.
    """
    if given is None:
        if resume:
            cure = 'checkpoint="fit.pt"'
            raise ContractError(explain("resume", wanted="a checkpoint to go on with", got="none", cure=cure))
        return None
    if not isinstance(given, str | os.PathLike):
        raise ContractError(explain("checkpoint", wanted="a path", got=repr(given), cure='checkpoint="fit.pt"'))
    path = Path(given)
    if path.exists() and not resume:
        cure = "another path, or resume=True to go on"
        raise ContractError(explain("checkpoint", wanted="a path that does not exist", got=str(path), cure=cure))
    if not path.parent.is_dir():
        cure = "an existing folder"
        raise ContractError(explain("checkpoint", wanted="a path in a folder", got=str(path), cure=cure))
    return path


def _copied(value: Any, device: torch.device, keep: bool) -> Any:
    """A copy on the device; counters that torch keeps on the host stay there."""
    if isinstance(value, torch.Tensor):
        return value.clone() if keep and value.ndim == 0 else value.to(device, copy=True)
    if isinstance(value, list):
        return [_copied(one, device, keep=False) for one in value]
    return value


def _not_ours(path: Path, got: str) -> ResumeError:
    return ResumeError(explain(str(path), wanted="the mark of a fit", got=got, cure="another checkpoint="))
