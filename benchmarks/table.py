"""Prints the table of speeds, ours and the peers', and writes it as JSON. No speed is reported before the tests pass.

    python benchmarks/table.py [--json speed.json] [--markdown docs/speed.md]

The tests of the kernels and of the retina run first; where one fails, nothing is measured. Then `pytest benchmarks`
runs once, in one process, so that a number and its peer are of the same machine in the same minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
TESTED = ["tests/kernels", "tests/models/test_retina.py", "tests/models/test_ln.py", "tests/engine/test_runner.py"]
HEAD = "<!-- the table of speeds: `make bench` writes it -->"

Row = dict[str, Any]


def main() -> int:
    """Test, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    parser.add_argument("--markdown", type=Path, help=f"page whose part after '{HEAD}' becomes the table")
    arguments = parser.parse_args()
    if _pytest(*TESTED, "-n", "2", "-m", "not slow", "-p", "no:benchmark"):
        print("no speeds: the tests of the same kernels fail", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.json"
        if _pytest("benchmarks", "--benchmark-only", f"--benchmark-json={raw}"):
            print("no speeds: a benchmark failed", file=sys.stderr)
            return 1
        measured = report(json.loads(raw.read_text()))
    table = markdown(measured)
    print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(measured, indent=1) + "\n")
    if arguments.markdown:
        text, _, _ = arguments.markdown.read_text().partition(HEAD)
        arguments.markdown.write_text(f"{text}{HEAD}\n\n{table}")
    return 0


def _pytest(*arguments: str) -> int:
    # A worker's one thread must not become everyone's.
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr, check=False).returncode


def report(raw: Row) -> Row:
    """Gather what the benchmarks noted: a list of rows, and what machine they were measured on."""
    noted = [bench["extra_info"] for bench in raw["benchmarks"] if "row" in bench["extra_info"]]
    rows: dict[str, Row] = {}
    for info in noted:
        row = rows.setdefault(info["row"], {"row": info["row"], "unit": info["unit"], "threads": info["threads"]})
        row.setdefault("wanted", info["wanted"])
        row["wanted"] = info["wanted"] if info["wanted"] is not None else row["wanted"]
        row.setdefault("measured", {})[info["by"]] = info["value"]
    cpu = raw["machine_info"]["cpu"]
    machine = {
        "processor": cpu.get("brand_raw", platform.machine()),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "date": raw["datetime"][:10],
        "commit": raw["commit_info"].get("id", "?")[:10],
    }
    return {"machine": machine, "rows": list(rows.values())}


def markdown(measured: Row) -> str:
    """Return the table: one line a row, peers at its end."""
    machine = measured["machine"]
    lines = [
        "Measured in one run on {date}, commit {commit}: {processor}, {cores} cores, Python {python}; best of several "
        "rounds.".format(**machine),
        "",
        "| what | threads | convis_xr | wanted | in the same run |",
        "|---|---|---|---|---|",
    ]
    for row in measured["rows"]:
        values = dict(row["measured"])
        ours = values.pop("convis_xr", None)
        peers = ", ".join(f"{name}: {value:.3g}" for name, value in values.items())
        sign = "<=" if row["unit"].startswith("x ") else ">="
        wanted = "" if row["wanted"] is None else f"{sign} {row['wanted']:g}"
        shown = "" if ours is None else f"{ours:.3g} {row['unit']}"
        lines.append(f"| {row['row']} | {row['threads']} | {shown} | {wanted} | {peers} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
