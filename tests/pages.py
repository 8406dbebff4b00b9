"""Reading code and tables out of Markdown pages."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run_blocks(page: Path, names: dict[str, Any]) -> None:
    """Run all Python blocks of a page one after the other, as a reader would; ``names`` gets what they name."""
    text = page.read_text(encoding="utf-8")
    blocks = list(_BLOCK.finditer(text))
    assert len(blocks) == text.count("```python"), f"{page.name}: a block that is not at the margin or not closed"
    for block in blocks:
        # lines are counted as in the page, so that a traceback points there
        lines = "\n" * text.count("\n", 0, block.start(1))
        exec(compile(lines + block.group(1), str(page), "exec"), names)


def table_rows(text: str) -> list[list[str]]:
    """The cells of all tables in a text, without their heads."""
    lines = text.splitlines()
    heads = {head for head, rule in pairwise(lines) if rule.startswith("|---")}
    body = [line for line in lines if line.startswith("|") and not line.startswith("|---") and line not in heads]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in body]


def code_in(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)
