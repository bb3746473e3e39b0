"""Stock that is announced under a reference, until a receipt brings it or a later announcement takes its place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """What became of an announcement."""

    OPEN = "OPEN"
    RECEIVED = "RECEIVED"
    REPLACED = "REPLACED"


class OpenAnnouncement:
    """Names a reference among the keys of a message: what is announced under it and still open is loaded and locked."""


class Expected:
    """Names a SKU among the keys of a message: what is known of its stock that is still to come is read, not locked."""


@dataclass(frozen=True, slots=True)
class AnnouncedLine:
    """Units of one item that should come."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Announcement:
    """Stock that should come at a time. `receipt_id` closed it, or `replaced_by` took its place; with neither it is open."""

    announcement_id: str
    reference: str
    expected_time: datetime
    lines: tuple[AnnouncedLine, ...]
    receipt_id: str | None = None
    replaced_by: str | None = None

    @property
    def key(self) -> str:
        """The announcement's id."""
        return self.announcement_id

    @property
    def state(self) -> State:
        """Derive the state from what happened."""
        if self.receipt_id is not None:
            return State.RECEIVED
        return State.REPLACED if self.replaced_by is not None else State.OPEN

    @property
    def is_open(self) -> bool:
        """Whether the stock is still expected."""
        return self.state is State.OPEN

    def received(self, receipt_id: str) -> Announcement:
        """The delivery is here; what it did not bring is not expected any more."""
        return replace(self, receipt_id=receipt_id)

    def replaced(self, announcement_id: str) -> Announcement:
        """Its reference was announced anew."""
        return replace(self, replaced_by=announcement_id)
