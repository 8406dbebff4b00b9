"""The pages of the documentation are true: their code runs, and what they name is there."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import convis_xr as cx
from tests.pages import ROOT, code_in, run_blocks, table_rows

PAGES = sorted((ROOT / "docs").glob("*.md"))
SPOKEN = [ROOT / "README.md", *PAGES]


def _ids(pages: list[Path]) -> list[str]:
    return [page.stem for page in pages]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if "```python" in page.read_text()], ids=lambda page: page.stem
)
def test_code_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_blocks(page, {})


@pytest.mark.parametrize("page", SPOKEN, ids=_ids(SPOKEN))
def test_names_exist(page: Path) -> None:
    names = set(re.findall(r"\bcx\.((?:[A-Za-z_]\w*)(?:\.[A-Za-z_]\w*)*)", page.read_text(encoding="utf-8")))
    assert names or page.stem in ("agreement", "foundation")
    for name in names:
        found = cx
        for part in name.split("."):
            found = getattr(found, part)


@pytest.mark.parametrize("page", SPOKEN, ids=_ids(SPOKEN))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_index_leads_to_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert not [page.name for page in PAGES if page.name != "index.md" and f"({page.name})" not in index]


@pytest.mark.parametrize("room", ["stimuli", "filters", "spiking", "models", "io", "recordings"])
def test_every_public_name_is_told_of(room: str) -> None:
    told = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert not [name for name in getattr(cx, room).__all__ if not re.search(rf"\b{name}\b", told)]


def test_arguments_in_the_migration_table_exist() -> None:
    """Each ``name=`` that the right column gives to a function of ours is one of its arguments."""
    checked = 0
    for _, now in table_rows((ROOT / "docs" / "migration.md").read_text(encoding="utf-8")):
        for code in code_in(now):
            call = re.fullmatch(r"cx\.([\w.]+)\((.*)\)", code)
            if call is None:
                continue
            target = cx
            for part in call.group(1).split("."):
                target = getattr(target, part)
            accepted = inspect.signature(target).parameters
            if any(argument.kind is argument.VAR_KEYWORD for argument in accepted.values()):
                continue
            for argument in re.findall(r"\b(\w+)=", call.group(2)):
                assert argument in accepted, code
                checked += 1
    assert checked > 30
