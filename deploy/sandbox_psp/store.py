"""Everything the provider knows and does, each call one transaction on disk; what is due happens first in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from deploy.sandbox_psp import balances, charging, outbox, refunding, rows, schedule
from deploy.sandbox_psp.behaviours import Delays
from deploy.sandbox_psp.charging import Creation
from deploy.sandbox_psp.database import Database, Transaction
from deploy.sandbox_psp.earnings import Fee, Payout
from deploy.sandbox_psp.intents import Intent, IntentRequest, Refund, RefundRequest
from deploy.sandbox_psp.messages import Message
from deploy.sandbox_psp.outbox import Attempt
from deploy.sandbox_psp.schedule import Cause, take_due

T = TypeVar("T")

_HAPPENS: Final = {
    Cause.ARRIVAL: charging.arrive,
    Cause.SETTLEMENT: charging.settle,
    Cause.WRONG_REPORT: charging.report_wrongly,
    Cause.REFUND_SETTLEMENT: refunding.settle,
}
_PAGES: Final = {
    kind: f"SELECT * FROM {kind} WHERE number > ? ORDER BY number LIMIT ?"  # noqa: S608 - names of our own tables
    for kind in ("intent", "refund", "fee", "payout", "message")
}


class Store:
    """The provider's books. Times are seconds since the epoch and come from the caller; called from several threads.

    Lists are in the order in which things came to be, from the one after number `after`.
    """

    def __init__(self, home: Path, *, keeps_webhooks: bool = False) -> None:
        self._database = Database(home, keeps_webhooks=keeps_webhooks)

    @property
    def changes(self) -> int:
        """How many rows have been written so far: as long as it stays, nothing is new. Costs nothing to look at."""
        return self._database.changes

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def create_intent(self, key: str, request: IntentRequest, *, now: float, delays: Delays) -> Creation:
        """Return the intent under `key`, made now if it is new; another request under a used key is refused."""
        with self._transaction(now) as transaction:
            return charging.create(transaction, key, request, now=now, delays=delays)

    def cancel_intent(self, key: str, *, now: float) -> Intent:
        """Cancel what is pending; an unknown key becomes a tombstone; a finished intent stays as it is."""
        with self._transaction(now) as transaction:
            return charging.cancel(transaction, key, now=now)

    def create_refund(self, key: str, request: RefundRequest, *, now: float, delays: Delays) -> tuple[Refund, bool]:
        """Return the refund under `key` and whether it is new; all refunds of an intent stay within what it brought in."""
        with self._transaction(now) as transaction:
            return refunding.create(transaction, key, request, now=now, delays=delays)

    def pay_out(self, currency_code: str, *, now: float) -> Payout:
        """Pay out what is in the balance of a currency, or refuse when it is empty."""
        with self._transaction(now) as transaction:
            return balances.pay_out(transaction, currency_code, now=now)

    def intent(self, key: str, *, now: float) -> Intent:
        """Return the intent under `key`, or refuse."""
        with self._transaction(now) as transaction:
            return rows.known_intent(transaction.db, key)

    def refund(self, key: str, *, now: float) -> Refund:
        """Return the refund under `key`, or refuse."""
        with self._transaction(now) as transaction:
            return rows.known_refund(transaction.db, key)

    def intents(self, *, now: float, after: int, limit: int) -> list[Intent]:
        """List intents."""
        return self._page("intent", rows.to_intent, now, (after, limit))

    def refunds(self, *, now: float, after: int, limit: int) -> list[Refund]:
        """List refunds."""
        return self._page("refund", rows.to_refund, now, (after, limit))

    def fees(self, *, now: float, after: int, limit: int) -> list[Fee]:
        """List fees."""
        return self._page("fee", balances.to_fee, now, (after, limit))

    def payouts(self, *, now: float, after: int, limit: int) -> list[Payout]:
        """List payouts."""
        return self._page("payout", balances.to_payout, now, (after, limit))

    def messages(self, *, now: float, after: int, limit: int) -> list[Message]:
        """List webhook messages."""
        return self._page("message", outbox.to_message, now, (after, limit))

    def resend(self, message_id: str, *, now: float) -> Message:
        """Make a message due once more, or refuse where there is none."""
        with self._transaction(now) as transaction:
            return outbox.resend(transaction.db, message_id, now=now)

    def exchange(self, attempts: Sequence[Attempt], *, now: float, limit: int) -> tuple[list[Message], float]:
        """Keep what became of tries to deliver; return up to `limit` messages that are due, and when the next thing is."""
        with self._transaction(now) as transaction:
            outbox.record(transaction.db, attempts, now=now)
            next_time = min(outbox.next_time(transaction.db), schedule.next_time(transaction.db))
            return outbox.due_messages(transaction.db, now=now, limit=limit), next_time

    def _page(self, kind: str, read: Callable[[sqlite3.Row], T], now: float, place: tuple[int, int]) -> list[T]:
        with self._transaction(now) as transaction:
            return [read(row) for row in transaction.db.execute(_PAGES[kind], place)]

    @contextmanager
    def _transaction(self, now: float) -> Iterator[Transaction]:
        """Open a transaction in which everything has happened that is due by `now`, each at its own time."""
        with self._database.transaction() as transaction:
            while due := take_due(transaction.db, now):
                cause, key, due_time = due
                _HAPPENS[cause](transaction, key, now=due_time)
            yield transaction
