"""Configurations of a retina as JSON, in the vocabulary that convis has."""

from __future__ import annotations

import json
from pathlib import Path

from convis_xr.errors import FormatError, explain
from convis_xr.models.retina.config import RetinaConfig
from convis_xr.models.retina.config_tree import Origin, checked_tree, from_tree


def read_json(path: str | Path) -> RetinaConfig:
    """See `RetinaConfig.read_json`."""
    source = Path(path)
    try:
        tree = json.loads(source.read_bytes())
    except (ValueError, RecursionError) as error:  # no text, no JSON, or lists within lists for ever
        cure = "a whole file, as write_json writes it"
        raise FormatError(explain(str(source), wanted="JSON", got=str(error), cure=cure)) from error
    return from_tree(tree, Origin(lambda place: f"{source}: {place}" if place else str(source)))


def write_json(config: RetinaConfig, path: str | Path) -> None:
    """See `RetinaConfig.write_json`."""
    tree = checked_tree(config)
    Path(path).write_text(json.dumps(tree, indent=2, allow_nan=False) + "\n", encoding="utf-8")
