"""The table of faults in docs/RELIABILITY.md, merged from what the runs saw; nobody writes it by hand."""

from __future__ import annotations

import fcntl
import os
import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "RELIABILITY.md"
WRITE_VARIABLE = "ATLAS_FAULTS_WRITE"
COLUMNS = (
    *("Fault", "What happened", "Orders", "Outcome unknown", "of them had happened", "Restarts", "Settled after"),
    *("Dropped as duplicate", "Parked", "Dead letters", "I1 to I11"),
)
FAULTS = {
    "1": "crash at a failpoint",
    "2": "kill -9 of any process",
    "3": "relay killed between produce and mark",
    "4": "two relays",
    "9": "broker paused 30 s",
    "11": "broker killed",
    "15": "consumer killed after its commit",
    "16": "every record 1 to 5 times",
    "18": "all groups back to the start",
    "19": "rebalance storm",
    "21": "poison bytes",
    "22": "unknown type, newer minor, unknown enum",
    "23": "no key, no id, odd headers",
    "24": "handler fails 1 to 4 times",
    "25": "handler fails for ever on one key",
    "26": "handler fails on everything",
    "27": "PostgreSQL restarted, backends killed",
    "28": "PostgreSQL away 60 s",
    "35": "Redis killed, flushed, paused, garbage",
    "36": "one key, 50 calls, through two gateways",
    "47": "SIGTERM under load, rolling restart",
    "48": "SIGTERM while the broker is away",
    "50": "every worker twice",
}
"""The faults of this level, by their number in the design."""


@dataclass(frozen=True, slots=True)
class Row:
    """What was seen of one fault. `story` says in a few words what was done and came of it."""

    fault: str
    story: str
    orders: int
    unknown: int
    had_happened: int
    kills: int
    seconds: float
    duplicates: int
    parked: int
    dead: int

    def line(self) -> str:
        """As it stands in the table; a run that broke a promise writes none."""
        counts = (self.orders, self.unknown, self.had_happened, self.kills, f"{self.seconds:.0f} s")
        cells = (f"{self.fault} {FAULTS[self.fault]}", self.story, *counts, self.duplicates, self.parked, self.dead, "hold")
        return f"| {' | '.join(str(cell) for cell in cells)} |"


def write(rows: list[Row], provider: str) -> None:
    """Merge rows into the page's table of this provider, where the environment asks for it."""
    if not os.environ.get(WRITE_VARIABLE):
        return
    with PAGE.open("r+") as page:
        fcntl.flock(page, fcntl.LOCK_EX)
        merged = merge(page.read(), rows, provider)
        page.seek(0)
        page.truncate()
        page.write(merged)


def merge(page: str, rows: list[Row], provider: str) -> str:
    """Return the page with these rows in its table, sorted by fault; ValueError where it has no table of this provider."""
    begin, end = f"<!-- faults {provider} -->\n", f"<!-- end of faults {provider} -->"
    if begin not in page or end not in page:
        raise ValueError(f"the page has no table of {provider}")
    head, rest = page.split(begin)
    table, tail = rest.split(end)
    lines = rows_of(table) | {row.fault: row.line() for row in rows}
    ordered = [lines[fault] for fault in FAULTS if fault in lines]
    header = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    return head + begin + "\n".join([*header, *ordered]) + "\n" + end + tail


def rows_of(table: str) -> dict[str, str]:
    """The lines of a table by fault."""
    return {match[1]: match[0] for match in re.finditer(r"^\| ([0-9]+) .*$", table, re.MULTILINE)}
