"""Numbers that people use: in order of issue and without gaps, so a number is drawn in the transaction that uses it."""

from __future__ import annotations

from dataclasses import dataclass, replace

INVOICE, CREDIT_NOTE = "invoice", "credit_note"
_PREFIX = {INVOICE: "INV", CREDIT_NOTE: "CN"}


@dataclass(frozen=True, slots=True)
class Counter:
    """The last number drawn of a series. Its row is locked after the orders."""

    key: str
    last_number: int

    def drawn(self) -> Counter:
        """Return the counter after one more number was drawn."""
        return replace(self, last_number=self.last_number + 1)

    @property
    def text(self) -> str:
        """The last number as people read it, such as INV-000001."""
        return f"{_PREFIX[self.key]}-{self.last_number:06d}"
