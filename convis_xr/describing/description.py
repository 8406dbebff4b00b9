"""`Description`: facts and tables of one object, as text and as HTML."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Table:
    """Rows of texts under named columns; a column that is empty in every row is not shown."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def filled(self) -> Table:
        """The same without its empty columns."""
        kept = [at for at in range(len(self.columns)) if any(row[at] for row in self.rows)]
        rows = tuple(tuple(row[at] for at in kept) for row in self.rows)
        return Table(self.title, tuple(self.columns[at] for at in kept), rows)

    def records(self) -> list[dict[str, str]]:
        """Each row as column name to text."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, repr=False)
class Description:
    """What `describe` gives: printed it is text, in a notebook HTML.

    Parameters
    ----------
    title : str
        What the object is.
    summary : str
        One line on what it is for.
    facts : tuple of (str, str)
        Name and value.
    tables : tuple of Table

    Examples
    --------
    >>> Description("Film", facts=(("unit", "cd/m^2"),), tables=(Table("Axes", ("name", "size"), (("x", "4"),)),))
    Film
      unit: cd/m^2
    Axes
      name  size
      x     4
    """

    title: str
    summary: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    tables: tuple[Table, ...] = field(default_factory=tuple)

    def table(self, title: str) -> Table:
        """The table of that title; a KeyError where there is none."""
        found = {table.title: table for table in self.tables}
        return found[title]

    def __str__(self) -> str:
        from convis_xr.describing.text import as_text

        return as_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from convis_xr.describing.html import as_html

        return as_html(self)
