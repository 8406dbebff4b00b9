"""The files around the package say the same thing: dependencies, pins, environments, versions, commands."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import convis_xr

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]

# Where a project has another name on conda, or is imported under another name.
CONDA_NAMES = {"torch": "pytorch", "dask": "dask-core", "matplotlib": "matplotlib-base", "elephant": "python-elephant"}
IMPORT_NAMES = {"PIL": "pillow", "yaml": "pyyaml"}
# Comes with xarray, which makes its indexes and times of it.
THROUGH_XARRAY = {"pandas"}


def requirements(lines: list[str]) -> dict[str, Requirement]:
    return {canonicalize_name(r.name): r for r in map(Requirement, lines)}


def declared(*extras: str) -> dict[str, Requirement]:
    """Requirements of the package with the extras named."""
    return requirements(PROJECT["project"]["dependencies"] + [line for extra in extras for line in EXTRAS[extra]])


def everything_declared() -> dict[str, Requirement]:
    return declared(*EXTRAS) | requirements(PROJECT["build-system"]["requires"])


def pins() -> dict[str, Requirement]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return requirements([line for line in lines if line and not line.startswith("#")])


def pinned_version(requirement: Requirement) -> str:
    (specifier,) = requirement.specifier
    assert specifier.operator == "=="
    return specifier.version


def needed(name: str, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]]) -> Iterator[str]:
    """Names of all distributions that one needs on this Python and platform, itself among them."""
    if (name, extras) in seen:
        return
    seen.add((name, extras))
    yield name
    for line in metadata.requires(name) or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras | {""}):
            yield from needed(canonicalize_name(requirement.name), frozenset(requirement.extras), seen)


def imported_by_package() -> Iterator[tuple[Path, str]]:
    """Each top-level module of others that a file of the package imports, anywhere in it."""
    for path in sorted((ROOT / "convis_xr").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            else:
                continue
            yield from ((path, name.partition(".")[0]) for name in names)


def test_every_dependency_is_pinned_within_its_bounds() -> None:
    pinned = pins()
    for name, requirement in everything_declared().items():
        assert name in pinned, f"{name} has no pin in constraints.txt"
        version = pinned_version(pinned[name])
        assert requirement.specifier.contains(version), f"{name}=={version} is outside of {requirement.specifier}"


def test_what_is_installed_is_what_is_pinned() -> None:
    pinned = pins()
    names = set(needed("convis-xr", frozenset(EXTRAS), set())) - {"convis-xr"}
    assert {"torch", "xarray", "sympy", "partd"} <= names
    unpinned = names - pinned.keys()
    assert not unpinned, f"installed without a pin: {sorted(unpinned)}"
    for name in names:
        version = metadata.version(name)
        assert pinned[name].specifier.contains(version), f"{name} {version} is installed, not {pinned[name]}"


def test_torch_is_pinned_without_a_local_version() -> None:
    assert str(pins()["torch"].specifier) == "==2.13.0"


def test_torch_is_installed_before_what_depends_on_it() -> None:
    installs = re.findall(r"^\t\$\(PIP\) (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert installs[0] == "torch"


def test_constraints_are_plain_pins_in_order() -> None:
    names = list(pins())
    assert names == sorted(names)
    assert all(requirement.marker is None and not requirement.url for requirement in pins().values())


def test_environment_is_in_step_with_pyproject() -> None:
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    elsewhere = declared("gpu", "bench").keys() - declared().keys()  # conda's pytorch for a card brings triton itself
    wanted = {CONDA_NAMES.get(n, n) + str(r.specifier) for n, r in everything_declared().items() if n not in elsewhere}
    wanted |= {"python" + PROJECT["project"]["requires-python"], "pip"}
    assert set(listed) == wanted
    assert len(listed) == len(wanted)


def test_package_imports_only_what_it_declares() -> None:
    extras = ("video", "viz", "nwb", "recordings", "distributed", "gpu")
    allowed = declared(*extras).keys() | THROUGH_XARRAY | {"convis-xr"}
    allowed |= {"ipython"}  # reached for only from within IPython
    for path, name in imported_by_package():
        if name in sys.stdlib_module_names:
            continue
        project = canonicalize_name(IMPORT_NAMES.get(name, name))
        assert project in allowed, f"{path.relative_to(ROOT)} imports {name}, which pyproject.toml does not declare"


def test_one_version_everywhere() -> None:
    assert convis_xr.__version__ == metadata.version("convis-xr")
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == convis_xr.__version__
    assert f"## [{convis_xr.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("group", ["console_scripts", "xarray.backends"])
def test_entry_points_lead_somewhere(group: str) -> None:
    ours = [entry for entry in metadata.entry_points(group=group) if entry.value.startswith("convis_xr.")]
    assert ours
    for entry in ours:
        assert callable(entry.load()), entry


def test_optional_dependencies_are_the_promised_ones() -> None:
    assert set(EXTRAS) == {"video", "viz", "nwb", "recordings", "distributed", "gpu", "bench", "dev"}
    assert PROJECT["project"]["requires-python"] == ">=3.11"


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "LICENSE",
        "CITATION.cff",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "Makefile",
        "environment.yml",
        ".pre-commit-config.yaml",
        "convis_xr/py.typed",
    ],
)
def test_file_is_there(name: str) -> None:
    assert (ROOT / name).is_file()


@pytest.mark.parametrize("target", ["env", "demo", "test", "test-all", "lint", "bench", "clean"])
def test_make_has_target(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


def test_ci_runs_through_make() -> None:
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o111, ".ci/run is not executable"
    lines = script.read_text().splitlines()
    assert "set -euo pipefail" in lines
    assert {"make env", "make lint", "make test"} <= set(lines)


def test_every_room_has_its_place_above_the_kernels() -> None:
    package = ROOT / "convis_xr"
    rooms = {path.stem for path in package.glob("*.py")} | {path.parent.name for path in package.glob("*/__init__.py")}
    rooms.remove("__init__")
    assert "kernels" in rooms
    layers = [contract.get("layers", [""]) for contract in PROJECT["tool"]["importlinter"]["contracts"]]
    placed = {name for lines in layers if "(kernels)" in lines[-1] for name in re.findall(r"\w+", " ".join(lines))}
    assert rooms <= placed, "a new room needs its place in the import contracts of pyproject.toml"


TEXT = {".py", ".md", ".toml", ".yml", ".yaml", ".cff", ".txt", ".json"}
# An absolute path of somebody's machine, a merge left half done, a promise to do it later, an index to install from.
LEFTOVERS = re.compile(
    r"(?<![\w.:/])/(?:home|root|work|opt|Users)/\w|^(?:<{7}|>{7}) |\b(?:FIX"
    r"ME|TO"
    r"DO|XX"
    r"X)\b|--(?:extra-)?index-url",
    flags=re.MULTILINE,
)


def text_files() -> Iterator[Path]:
    yield from (path for path in ROOT.iterdir() if path.is_file() and (path.suffix in TEXT or path.name == "Makefile"))
    for folder in ("convis_xr", "tests", "docs", "benchmarks", "examples"):
        yield from (path for path in (ROOT / folder).rglob("*") if path.suffix in TEXT)


def test_nothing_is_left_lying_about() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match.group()!r}"
        for path in text_files()
        for match in LEFTOVERS.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found
