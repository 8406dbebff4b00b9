"""A description as HTML for a notebook: one self-contained piece, in the colours of whatever page it is put on."""

from __future__ import annotations

from html import escape

from convis_xr.describing.description import Description, Table

#: text keeps the page's own colour; lines and shades are a grey that is seen on light and on dark ground
_STYLE = """
.convis-description { font-size: 0.9em; line-height: 1.45; max-width: 72em; overflow-x: auto; }
.convis-description .title { font-weight: 600; font-size: 1.1em; }
.convis-description .summary { opacity: 0.8; margin-left: 0.6em; }
.convis-description dl { display: grid; grid-template-columns: max-content auto; gap: 0 1em; margin: 0.4em 0; }
.convis-description dt { opacity: 0.7; font-weight: normal; }
.convis-description dd { margin: 0; }
.convis-description summary { cursor: pointer; font-weight: 600; margin-top: 0.5em; }
.convis-description table { border-collapse: collapse; margin: 0.2em 0 0.4em 0; color: inherit; }
.convis-description th, .convis-description td { text-align: left; vertical-align: top; padding: 0.15em 0.8em 0.15em 0;
  border: none; border-bottom: 1px solid rgba(128, 128, 128, 0.35); background: none; color: inherit; }
.convis-description th { font-weight: normal; opacity: 0.7; }
.convis-description td:first-child { font-family: monospace; }
"""


def as_html(description: Description) -> str:
    """A ``div`` with its own style; every text is escaped.

    Examples
    --------
    >>> "&lt;b&gt;" in as_html(Description("<b>"))
    True
    """
    summary = f'<span class="summary">{escape(description.summary)}</span>' if description.summary else ""
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in description.facts)
    body = [f'<div><span class="title">{escape(description.title)}</span>{summary}</div>']
    body += [f"<dl>{facts}</dl>"] if facts else []
    body += [_table(table.filled()) for table in description.tables]
    return f'<div class="convis-description"><style>{_STYLE}</style>{"".join(body)}</div>'


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in table.columns)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    title = f"{escape(table.title)} ({len(table.rows)})"
    return (
        f"<details open><summary>{title}</summary>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></details>"
    )
