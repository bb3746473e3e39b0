"""A document before it is a PDF or a page: plain texts, so that both show the same figures."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

Fact = tuple[str, str]
"""What something is called, and what it is."""

_UNSHOWABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the lines: words begin at its left, figures end at its right."""

    heading: str
    is_words: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """What stands on the paper. Each row has one text a column; `issue_time` is also the time of the file."""

    title: str
    issue_time: datetime
    facts: tuple[Fact, ...]
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    totals: tuple[Fact, ...]

    def mapped(self, change: Callable[[str], str]) -> Document:
        """Return the document with every text changed."""

        def facts(pairs: tuple[Fact, ...]) -> tuple[Fact, ...]:
            return tuple((change(name), change(text)) for name, text in pairs)

        return Document(
            title=change(self.title),
            issue_time=self.issue_time,
            facts=facts(self.facts),
            columns=tuple(Column(change(column.heading), column.is_words) for column in self.columns),
            rows=tuple(tuple(change(text) for text in row) for row in self.rows),
            totals=facts(self.totals),
        )


def plain(text: str) -> str:
    """Return a text, composed, in which nothing can break a line, turn the writing round, or is no character at all."""
    return _UNSHOWABLE.sub("\ufffd", unicodedata.normalize("NFC", text))


def percent(basis_points: int) -> str:
    """Write a rate, such as 20 % or 12.5 %."""
    whole, part = divmod(basis_points, 100)
    fraction = f".{part:02d}".rstrip("0") if part else ""
    return f"{whole}{fraction} %"


def day(moment: datetime) -> str:
    """Write the day of a time in UTC, such as 2027-03-01."""
    return moment.date().isoformat()


def words(name: str) -> str:
    """Write the name of a state or a reason as people read it, such as Partially paid."""
    return name.replace("_", " ").capitalize()
