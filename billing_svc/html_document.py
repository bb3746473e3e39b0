"""A document as one page of HTML that needs nothing else. Every text is escaped: it is data, whoever wrote it."""

from __future__ import annotations

from html import escape
from typing import Final

from billing_svc.document import Column, Document, Fact

_STYLE: Final = """
body { font: 14px/1.4 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1.5em; }
dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
thead th { border-bottom: 1px solid; }
th, td { padding: 0.15em 0.5em; text-align: right; overflow-wrap: anywhere; }
.words { text-align: left; }
tfoot th { font-weight: normal; }
tfoot tr:first-child > * { border-top: 1px solid; }
""".strip()


def write(document: Document) -> bytes:
    """Return the page in UTF-8."""
    title = escape(document.title)
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f"<title>{title}</title>",
        f"<style>\n{_STYLE}\n</style>",
        "</head>",
        "<body>",
        f"<h1>{title}</h1>",
        "<dl>",
        *(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in document.facts),
        "</dl>",
        "<table>",
        f"<thead>\n<tr>{''.join(_heading(column) for column in document.columns)}</tr>\n</thead>",
        "<tbody>",
        *(f"<tr>{_cells(document.columns, row)}</tr>" for row in document.rows),
        "</tbody>",
        "<tfoot>",
        *(_total(total, len(document.columns)) for total in document.totals),
        "</tfoot>",
        "</table>",
        "</body>",
        "</html>",
    ]
    return ("\n".join(lines) + "\n").encode()


def _heading(column: Column) -> str:
    return f'<th scope="col"{_class(column)}>{escape(column.heading)}</th>'


def _cells(columns: tuple[Column, ...], row: tuple[str, ...]) -> str:
    return "".join(f"<td{_class(column)}>{escape(text)}</td>" for column, text in zip(columns, row, strict=True))


def _class(column: Column) -> str:
    return ' class="words"' if column.is_words else ""


def _total(total: Fact, columns: int) -> str:
    name, text = total
    return f'<tr><th scope="row" colspan="{columns - 1}">{escape(name)}</th><td>{escape(text)}</td></tr>'
