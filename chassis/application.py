"""A service, put together: what each service's app.py builds, what processes run, and what the saga tests step through."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import sqlalchemy as sa
from google.protobuf.message import Message

from chassis.broker import Broker
from chassis.calls import Commands, Queries
from chassis.clock import Clock
from chassis.consumer import Consumer
from chassis.contracts import EventCatalog
from chassis.database import make_engine
from chassis.grpc_server import Servicer
from chassis.handling import Reaction, Service, StoreProtocol
from chassis.ids import IdSource
from chassis.paging import Pager
from chassis.relay import Relay
from chassis.settings import Settings
from chassis.timers import TimerWorker, Work


@dataclass(frozen=True, slots=True)
class Finding:
    """What an invariant found: its number and name, how many things it looked at, and what is wrong (the first few)."""

    name: str
    statement: str
    checked: int
    wrong: tuple[str, ...] = ()


class Loop(Protocol):
    """Work on a service's own database that goes on beside its relay; any number of processes may do it."""

    def run(self, stopping: threading.Event) -> None:
        """Work until told to stop; the database being away is waited for."""
        ...

    def step(self) -> int:
        """Work once. Returns how much there was to do."""
        ...

    def wake(self) -> None:
        """Say that there may be something to do."""
        ...


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What distinguishes one service from another. Built in app.py, once."""

    package: str
    """The Python package and the database, such as order_svc."""
    identity: str
    """The name in contracts, such as order-svc."""
    store: StoreProtocol
    catalog: EventCatalog
    payload: Callable[[Any], Message]
    subscriptions: Mapping[type[Message], Reaction[Any]]
    works: Mapping[str, Work[Any, Any]] = field(default_factory=dict)
    servicers: Callable[[Edge], list[Servicer]] = lambda edge: []
    invariants: Callable[[sa.Connection], list[Finding]] = lambda connection: []
    loops: Mapping[str, Callable[[Service], Loop]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """What the servicers of a service need."""

    commands: Commands
    queries: Queries
    pager: Pager
    service: Service
    settings: Settings


class Application:
    """One service on one database and one broker. Nothing runs until a process (or a test) runs it."""

    def __init__(self, blueprint: Blueprint, settings: Settings, *, clock: Clock, broker: Broker, ids: IdSource) -> None:
        self.blueprint = blueprint
        self.settings = settings
        self.broker = broker
        self.database = make_engine(
            settings.database_url.get_secret_value(), name=blueprint.identity, pool_size=settings.pool_size
        )
        self.relay = Relay(self.database, broker.publisher(blueprint.identity))
        self.service = Service(
            name=blueprint.identity,
            database=self.database,
            store=blueprint.store,
            catalog=blueprint.catalog,
            payload=blueprint.payload,
            subscriptions=blueprint.subscriptions,
            clock=clock,
            ids=ids,
            on_commit=self._on_commit,
        )
        self.consumer = Consumer(self.service, broker, settings.batch_events)
        self.timers = TimerWorker(self.service, blueprint.works)
        self.loops = {name: make(self.service) for name, make in blueprint.loops.items()}

    def _on_commit(self) -> None:
        self.relay.wake()
        self.timers.wake()
        for loop in self.loops.values():
            loop.wake()

    def edge(self) -> Edge:
        """Make what serves RPCs."""
        return Edge(
            commands=Commands(self.service, batch=self.settings.batch_commands, queue=self.settings.queue_commands),
            queries=Queries(self.database),
            pager=Pager(self.settings.page_token_secret.get_secret_value()),
            service=self.service,
            settings=self.settings,
        )

    def close(self) -> None:
        """Leave the group, give up the relay's lead, and give the database's connections back."""
        self.timers.close()
        self.consumer.close()
        self.relay.close()
        self.database.dispose()
