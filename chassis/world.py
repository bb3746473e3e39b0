"""What one batch loaded, decided on and changed: the world a decider sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar


class Aggregate(Protocol):
    """Anything a store can keep: a value with a key that is unique among its kind."""

    @property
    def key(self) -> str:
        """The key under which it is loaded and locked."""
        ...


A = TypeVar("A", bound=Aggregate)
Key = tuple[type, str]
Keys = frozenset[Key]


@dataclass(slots=True)
class Row(Generic[A]):
    """An aggregate with what the store knows of it. `version` 0 means that it is not stored yet.

    `origin` is what the store read it from, so that it writes only what differs.
    """

    aggregate: A
    version: int = 0
    stream_sequence: int = 0
    create_time: datetime | None = None
    update_time: datetime | None = None
    stored: bool = False
    changed: bool = False
    origin: Any = None


@dataclass(frozen=True, slots=True)
class Timer:
    """Work that becomes due: `kind` names the handler, `key` the aggregate. Setting it again moves it."""

    kind: str
    key: str
    due_time: datetime | None
    """None clears the timer."""
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What a decider decided: aggregates as they are now, the events that say so, and timers to set or clear.

    `result` is the aggregate that answers the command, or anything with its key.
    """

    changed: tuple[Aggregate, ...] = ()
    events: tuple[Any, ...] = ()
    timers: tuple[Timer, ...] = ()
    result: Any = None


NOTHING = Decision()


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `issuer` and `subject` identify him; a service account has no `human` flag."""

    issuer: str
    subject: str
    username: str
    client: str
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    human: bool = False

    @property
    def key(self) -> str:
        """The identity as one string."""
        return f"{self.issuer}|{self.subject}"

    def may(self, scope: str) -> bool:
        """Whether the actor has a scope."""
        return scope in self.scopes


SYSTEM = Actor(issuer="", subject="system", username="system", client="")


@dataclass(frozen=True, slots=True)
class Context:
    """What a decider may know beside the world: the time, who acts, fresh ids, and what caused it."""

    now: datetime
    actor: Actor
    new_id: Callable[[], str]
    cause_id: str = ""
    """The id of the event or request that is being handled."""


@dataclass(slots=True)
class World:
    """Aggregates by kind and key. Reads see what earlier messages of the batch decided."""

    rows: dict[Key, Row[Any]] = field(default_factory=dict)
    streams: dict[str, Row[Any]] = field(default_factory=dict)
    stream_kinds: frozenset[type] = frozenset()
    extra: dict[str, Any] = field(default_factory=dict)
    """Read-only facts that a store loads beside the aggregates, by name."""

    def find(self, kind: type[A], key: str) -> A | None:
        """Return the aggregate as it is now, or None."""
        row = self.rows.get((kind, key))
        return row.aggregate if row else None

    def all(self, kind: type[A]) -> list[A]:
        """Return every loaded aggregate of a kind, by key."""
        return [row.aggregate for (k, _), row in sorted(self.rows.items(), key=lambda item: item[0][1]) if k is kind]

    def row(self, aggregate: A) -> Row[A]:
        """Return the row of an aggregate of this world."""
        return self.rows[type(aggregate), aggregate.key]

    def version(self, aggregate: Aggregate) -> int:
        """Return the version of an aggregate as a client would see it now."""
        return self.row(aggregate).version

    def add(self, row: Row[Any]) -> None:
        """Take in a loaded row."""
        kind = type(row.aggregate)
        self.rows[kind, row.aggregate.key] = row
        if kind in self.stream_kinds:
            self.streams[row.aggregate.key] = row

    def put(self, aggregate: Aggregate, now: datetime) -> None:
        """Replace an aggregate by what it has become; its version moves by one."""
        row = self.rows.get((type(aggregate), aggregate.key))
        if row is None:
            row = Row(aggregate, create_time=now)
            self.add(row)
        row.aggregate = aggregate
        row.version += 1
        row.update_time = now
        row.changed = True

    def apply(self, decision: Decision, now: datetime) -> None:
        """Take over a decision's aggregates. Events are numbered by `next_sequence`."""
        for aggregate in decision.changed:
            self.put(aggregate, now)

    def next_sequence(self, stream_key: str) -> tuple[str, int]:
        """Return the kind and the next number of a stream; its row is locked, so numbers are contiguous."""
        row = self.streams[stream_key]
        row.stream_sequence += 1
        row.changed = True
        return type(row.aggregate).__name__, row.stream_sequence

    def changed(self, kind: type[A]) -> list[Row[A]]:
        """Return the rows of a kind that have to be written, in the order they were added."""
        return [row for (k, _), row in self.rows.items() if k is kind and row.changed]


def keys(kind: type, values: Iterable[str]) -> Keys:
    """Name aggregates of one kind."""
    return frozenset((kind, value) for value in values)
