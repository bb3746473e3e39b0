"""The five services on one broker, one clock and one provider; each can die and start again from its database."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

import billing_svc.app
import billing_svc.settings
import billing_svc.tables
import inventory_svc.app
import inventory_svc.settings
import order_svc.app
import order_svc.settings
import reporting_svc.app
import reporting_svc.settings
import workflow_svc.app
import workflow_svc.settings
from chassis.application import Application
from chassis.clock import ManualClock
from chassis.ids import IdSource
from chassis.settings import Settings
from chassis.tables import parked_event, timer
from chassis.world import Keys, World
from order_svc.reactions import DEADLINE
from tests.saga.broker import UnrulyBroker
from tests.saga.provider import UnrulyProvider
from tests.timers import asked_in_turn

START = datetime(2027, 1, 1, tzinfo=UTC)
DAYS = 3_000
NAMES = ("order", "inventory", "billing", "workflow", "reporting")

_SETTINGS: dict[str, type[Settings]] = {
    "order": order_svc.settings.Settings,
    "inventory": inventory_svc.settings.Settings,
    "billing": billing_svc.settings.Settings,
    "workflow": workflow_svc.settings.Settings,
    "reporting": reporting_svc.settings.Settings,
}


class Services:
    """All services, each an Application that a crash throws away. `seed` makes ids that no other seed makes."""

    def __init__(self, urls: dict[str, str], seed: int) -> None:
        self.clock = ManualClock(START + seed % DAYS * timedelta(days=1))
        self.broker = UnrulyBroker()
        self.provider = UnrulyProvider(self.clock)
        self._ids = IdSource(self.clock, random.Random(seed))
        self._urls = urls
        self.applications = {name: self._build(name) for name in NAMES}
        self.dead: list[Application] = []
        self._forget_deadlines()

    def _forget_deadlines(self) -> None:
        """Orders of plays before this one, on another day of the same databases, are nobody's any more."""
        with self.connection("order") as connection:
            connection.execute(sa.delete(timer).where(timer.c.kind == DEADLINE))

    def __getitem__(self, name: str) -> Application:
        return self.applications[name]

    def _build(self, name: str) -> Application:
        settings = _SETTINGS[name](profile="dev", database_url=SecretStr(self._urls[name]), batch_events=500, pool_size=3)
        made = asked_in_turn(self._made(name, settings))
        made.consumer._next_retry = made.consumer._next_lag = math.inf  # real time decides nothing here
        return made

    def _made(self, name: str, settings: Any) -> Application:
        match name:
            case "order":
                return order_svc.app.build(settings, self.clock, self.broker, self._ids)
            case "inventory":
                return inventory_svc.app.build(settings, self.clock, self.broker, self._ids)
            case "billing":
                return billing_svc.app.build(settings, self.clock, self.broker, self._ids, self.provider)
            case "workflow":
                return workflow_svc.app.build(settings, self.clock, self.broker, self._ids)
            case _:
                return reporting_svc.app.build(settings, self.clock, self.broker, self._ids)

    def restart(self, name: str) -> None:
        """Let a service die and start again; the leases of its dead worker have run out by then.

        Where it dies while it waits for the provider, its timer worker goes on as a zombie, beside the new one.
        """
        self._close(self.applications[name])
        self.dead.append(self.applications[name])
        self.applications[name] = self._build(name)
        self.end_leases(name)

    def end_leases(self, name: str) -> None:
        """Let the leases of timers run out, which real time does after half a minute."""
        with self.connection(name) as connection:
            connection.execute(sa.update(timer).where(timer.c.lease_time.is_not(None)).values(lease_time=None))

    def close(self) -> None:
        """Stop everything, zombies too."""
        for application in (*self.dead, *self.applications.values()):
            self._close(application)

    def _close(self, application: Application) -> None:
        application.timers.close()
        application.consumer.close()
        application.relay.close()
        application.close()

    @contextmanager
    def connection(self, name: str) -> Iterator[sa.Connection]:
        """A transaction on one service's database."""
        with self[name].database.begin() as connection:
            yield connection

    def load(self, name: str, keys: Keys) -> World:
        """Load aggregates of a service as its own store does."""
        with self.connection(name) as connection:
            return self[name].service.store.load(connection, keys)

    def relay(self, name: str) -> int:
        """Publish one batch."""
        return self[name].relay.step()

    def consume(self, name: str) -> int:
        """Read one batch."""
        return self[name].consumer.step() if self.has_unread(name) else 0

    def has_unread(self, name: str) -> bool:
        """Whether a consumer has something to read, as far as is known before it has started."""
        consumer = self[name].consumer
        return consumer._subscription is None or consumer._rewind.is_set() or consumer.lag() > 0

    def retry_parked(self, name: str) -> int:
        """Try everything in the parking lot, as if its time had come."""
        with self.connection(name) as connection:
            connection.execute(sa.update(parked_event).values(next_time=sa.func.now()))
        return self[name].consumer.retry_parked()

    def seal(self, name: str) -> int:
        """Let the loops beside a service's relay work once."""
        return sum(loop.step() for loop in self[name].loops.values())

    def work_timers(self, name: str) -> int:
        """Work what is due."""
        account = billing_svc.tables.order_account.c
        with self.connection("billing") as connection:
            cancelled = connection.execute(sa.select(account.order_id).where(account.is_cancelled)).scalars()
            self.provider.cancelled = frozenset(cancelled)
        return self[name].timers.step()

    def next_due(self) -> datetime | None:
        """When the next timer is due, overdue ones included."""
        times: list[datetime] = []
        for name in NAMES:
            with self.connection(name) as connection:
                due = connection.execute(sa.select(sa.func.min(timer.c.due_time)).where(timer.c.kind != DEADLINE)).scalar()
            times += [due] if due else []
        return min(times, default=None)
