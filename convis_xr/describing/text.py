"""A description as text for a terminal."""

from __future__ import annotations

import textwrap

from convis_xr.describing.description import Description, Table

#: characters of a cell in one line; longer texts go on below
WIDEST = 40


def as_text(description: Description) -> str:
    """Facts one a line, tables in columns.

    Examples
    --------
    >>> print(as_text(Description("Film", "of a walk", facts=(("unit", "1"),))))
    Film: of a walk
      unit: 1
    """
    head = f"{description.title}: {description.summary}" if description.summary else description.title
    lines = [head, *(f"  {name}: {value}" for name, value in description.facts)]
    for table in description.tables:
        lines += [table.title, *_lines(table.filled())]
    return "\n".join(lines)


def _lines(table: Table) -> list[str]:
    rows = [[textwrap.wrap(cell, WIDEST) or [""] for cell in row] for row in (table.columns, *table.rows)]
    widths = [max(len(line) for row in rows for line in row[at]) for at in range(len(table.columns))]
    lines = []
    for row in rows:
        for level in range(max(len(cell) for cell in row)):
            cells = [cell[level] if level < len(cell) else "" for cell in row]
            padded = "  ".join(text.ljust(width) for text, width in zip(cells, widths, strict=True))
            lines.append(f"  {padded}".rstrip())
    return lines
