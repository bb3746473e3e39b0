"""Drives billing_svc in a test: what others publish, the provider, time, and what the service says and books."""

from __future__ import annotations

import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from google.protobuf.message import Message

from billing_svc import tables
from billing_svc.domain.order_account import OrderAccount
from billing_svc.fake_provider import FakeProvider
from billing_svc.store import STORE
from chassis.application import Application
from chassis.broker import InRecord, OutRecord
from chassis.clock import ManualClock
from chassis.envelope import Cause, EnvelopeReader, Place, seal
from chassis.memory_broker import MemoryBroker
from chassis.tables import timer
from chassis.world import SYSTEM, keys

TOPIC = "atlas.billing.v1"
TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
MAX_STEPS = 200


def new_order_id() -> str:
    """An order of one's own: the database is shared by a module."""
    return str(uuid.uuid4())


@dataclass
class Till:
    """The service between its broker, the provider and time."""

    application: Application
    broker: MemoryBroker
    clock: ManualClock
    provider: FakeProvider
    _sequences: dict[tuple[str, str], int] = field(default_factory=dict)

    def send(self, payload: Any) -> None:
        """Put one event on its topic, under a new id and number."""
        kind = self.application.service.catalog.by_payload[type(payload)]
        key = getattr(payload, kind.key_field)
        number = self._sequences[kind.topic, key] = self._sequences.get((kind.topic, key), 0) + 1
        place = Place(str(uuid.uuid4()), self.clock.now(), "Order", key, number)
        sealed = seal(kind, payload, place, Cause("corr", "cause", TRACE, SYSTEM))
        self.broker.append(OutRecord(kind.topic, key, sealed.value, dict(sealed.headers)))

    def read(self, *payloads: Any) -> None:
        """Publish events of other services and let the service read them; the provider is not asked."""
        for payload in payloads:
            self.send(payload)
        while self.application.consumer.step() + self.application.relay.step():
            pass

    def work(self) -> int:
        """Ask the provider what is due now, once."""
        return self.application.timers.step()

    def seal(self) -> int:
        """Seal what waits, once; how many journals."""
        return self.application.loops["sealer"].step()

    def settle(self, *payloads: Any) -> None:
        """Read events, then let time pass until nothing is due any more."""
        self.read(*payloads)
        for _ in range(MAX_STEPS):
            if not self.work():
                if (due := self._next_due()) is None:
                    return self.read()
                self.clock.advance(max(due - self.clock.now(), timedelta()))
        raise AssertionError("the service does not come to rest")

    def _next_due(self) -> Any:
        with self.application.database.connect() as connection:
            return connection.execute(sa.select(sa.func.min(timer.c.due_time))).scalar()

    def end_leases(self) -> None:
        """Let a worker's claim run out, as the database's clock would."""
        with self.application.database.begin() as connection:
            connection.execute(sa.update(timer).values(lease_time=None))

    def account(self, order_id: str) -> OrderAccount:
        """What is kept of an order."""
        with self.application.database.begin() as connection:
            account = STORE.load(connection, keys(OrderAccount, [order_id])).find(OrderAccount, order_id)
        assert account is not None
        return account

    def balances(self, order_id: str) -> dict[str, int]:
        """The balance of each account for an order, without those at 0."""
        sums: dict[str, int] = defaultdict(int)
        statement = sa.select(tables.entry).join(tables.journal).where(tables.journal.c.order_id == order_id)
        with self.application.database.connect() as connection:
            for row in connection.execute(statement):
                sums[row.account] += row.amount
        return {account: amount for account, amount in sorted(sums.items()) if amount}

    def journals(self, order_id: str) -> list[str]:
        """The kinds of the journals of an order."""
        statement = sa.select(tables.journal.c.kind).where(tables.journal.c.order_id == order_id)
        with self.application.database.connect() as connection:
            return sorted(connection.execute(statement).scalars())

    def published(self, order_id: str) -> list[Message]:
        """What the service said about an order, in stream order."""
        self.application.relay.step()
        reader = EnvelopeReader(self.application.service.catalog)
        received = [
            reader.read(InRecord(record.topic, 0, 0, record.key, record.value, dict(record.headers)))
            for record in self.broker.topic(TOPIC)
            if record.key == order_id
        ]
        assert [each.metadata.stream_sequence for each in received] == list(range(1, len(received) + 1))
        return [each.payload for each in received if each.payload is not None]

    def names(self, order_id: str) -> list[str]:
        """The names of what it said."""
        return [payload.DESCRIPTOR.name for payload in self.published(order_id)]

    def last(self, order_id: str, kind: type[Any]) -> Any:
        """The last of one kind that it said."""
        return [payload for payload in self.published(order_id) if isinstance(payload, kind)][-1]

    def findings(self) -> list[str]:
        """What the invariants find wrong."""
        with self.application.database.connect() as connection:
            found = self.application.blueprint.invariants(connection)
        return [f"{finding.name}: {finding.wrong}" for finding in found if finding.wrong]
