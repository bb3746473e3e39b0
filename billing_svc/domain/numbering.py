"""Numbers that people use: in order of issue, without gaps in a year, so each is drawn in the transaction that uses it."""

from __future__ import annotations

from dataclasses import dataclass

INVOICE, CREDIT_NOTE = "invoice", "credit_note"
_PREFIX = {INVOICE: "INV", CREDIT_NOTE: "CN"}


@dataclass(frozen=True, slots=True)
class Counter:
    """The year of a series and the last number drawn in it. Its row is locked after the orders."""

    key: str
    year: int
    last_number: int

    def drawn(self, year: int) -> Counter:
        """Return the counter after one more number was drawn in a year (UTC); a new year begins at 1, an old one never."""
        if year > self.year:
            return Counter(self.key, year, 1)
        return Counter(self.key, self.year, self.last_number + 1)

    @property
    def text(self) -> str:
        """The last number as people read it, such as INV-2026-000001."""
        return f"{_PREFIX[self.key]}-{self.year}-{self.last_number:06d}"
