"""A run as text: the table of goals for the terminal and for the page, and below it what explains the figures."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group
from rich.table import Table
from rich.text import Text

from bench.record import TIMES, Json, bound, number

HEAD = ("goal", "what", "measured", "floor", "ratio", "must", "aim", "")
DETAIL_HEAD = ("goal", "detail", "value")
_STYLES = {"aim": "green", "must": "yellow", "missed": "bold red"}


def rows(run: Json) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each row."""
    for row in run["figures"]:
        ratio = "" if row["ratio"] is None else f"{number(row['ratio'])}{TIMES}"
        measured = f"{number(row['measured'])} {row['unit']}"
        bounds = bound(row, "must"), bound(row, "aim")
        yield row["goal"], row["name"], measured, number(row["floor"]), ratio, *bounds, row["verdict"]


def _details(run: Json) -> Iterator[tuple[str, ...]]:
    for row in run["details"]:
        yield row["goal"], row["name"], f"{number(row['value'])} {row['unit']}".rstrip()


def for_terminal(run: Json) -> Group:
    """Return everything a run found."""
    table = Table(*HEAD, box=None, title=f"medians of {run['pairs']} interleaved pairs")
    for cells in rows(run):
        table.add_row(*cells[:-1], Text(cells[-1], style=_STYLES[cells[-1]]))
    details = Table(*DETAIL_HEAD, box=None)
    for cells in _details(run):
        details.add_row(*cells)
    return Group(table, Text(), details, Text(), *_checks(run))


def _checks(run: Json) -> Iterator[Text]:
    """Yield how many checks hold, and each that does not."""
    broken = [row for row in run["checks"] if row["expected"] != row["seen"]]
    yield Text(f"{len(run['checks']) - len(broken)} of {len(run['checks'])} checks hold")
    for row in broken:
        yield Text(f"VOID {row['goal']}: {row['statement']}: {row['expected']} expected, {row['seen']} seen", style="bold red")


def for_page(run: Json) -> str:
    """Return the generated part of docs/PERFORMANCE.md, without its markers."""
    held = sum(check["expected"] == check["seen"] for check in run["checks"])
    floors = {row["floor_is"]: row["goal"].partition(".")[0] for row in run["figures"] if row["floor_is"]}
    lines = [
        f"Taken {run['taken']}, medians of {run['pairs']} interleaved pairs. {held} of {len(run['checks'])} checks hold.",
        "",
        *_markdown((*HEAD[:-1], "kept"), rows(run)),
        "",
        *(f"- floor of {goal}: {floor}" for floor, goal in floors.items()),
        "",
        *_markdown(DETAIL_HEAD, _details(run)),
        "",
        *(f"- {name}: {value}" for name, value in run["machine"].items()),
    ]
    return "\n".join(lines) + "\n"


def _markdown(head: tuple[str, ...], body: Iterator[tuple[str, ...]]) -> list[str]:
    """Return the lines of a Markdown table."""
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(cells)} |" for cells in body)]
