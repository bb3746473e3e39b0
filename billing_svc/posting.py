"""A journal on its way into the ledger: with its id, its time and the event that caused it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from billing_svc.domain.ledger import Journal
from chassis.world import Context, World

POSTED = "posted"


@dataclass(frozen=True, slots=True)
class PostedJournal:
    """A journal that is written with this transaction, unless its natural key is in the ledger already."""

    journal_id: str
    journal: Journal
    source_event_id: str | None
    post_time: datetime

    @property
    def key(self) -> str:
        """The natural key."""
        return self.journal.ref


def post(journals: Iterable[Journal], context: Context) -> tuple[PostedJournal, ...]:
    """Give journals what they need to be written."""
    cause = _event_id(context.cause_id)
    return tuple(PostedJournal(context.new_id(), journal, cause, context.now) for journal in journals)


def is_posted(world: World, ref: str) -> bool:
    """Whether a natural key is in the ledger, or will be with this transaction. Its key must have been named to load."""
    return ref in world.extra.get(POSTED, ()) or world.find(PostedJournal, ref) is not None


def _event_id(cause_id: str) -> str | None:
    """Return the id of the event that is handled; a timer or a request is none."""
    try:
        return str(uuid.UUID(cause_id))
    except ValueError:
        return None
