"""A broker under test with a topic of its own, and what a test does with it."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from chassis.broker import Broker, BrokerAway, InRecord, OutRecord, Publisher, Subscription
from deploy.local.groups import seed_group
from deploy.local.launcher import running
from deploy.local.state import ComponentState

PARTITIONS = 6
PATIENCE_SECONDS = 40.0


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds; fail where it does not in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@dataclass
class Wire:
    """`lacks` says of each ability the broker does not have why, as its capability record does.

    `bootstrap` is empty for the memory broker; `home` is that of the stack whose broker the tests may kill.
    """

    broker: Broker
    topic: str
    provider: str
    lacks: Mapping[str, str]
    bootstrap: str = ""
    home: Path | None = None
    opened: list[Publisher | Subscription] = field(default_factory=list)

    def need(self, *abilities: str) -> None:
        """Skip the test where the broker lacks one of these."""
        for ability in abilities:
            if ability in self.lacks:
                pytest.skip(f"{self.provider}: {self.lacks[ability]}")

    def publisher(self, broker: Broker | None = None) -> Publisher:
        """A publisher that the test need not close, of this or another way to the broker."""
        made = (broker or self.broker).publisher("test")
        self.opened.append(made)
        return made

    def new_group(self) -> str:
        """A group nobody has used, seeded as `atlas up` does it."""
        group = f"group-{uuid.uuid4().hex[:8]}"
        if self.bootstrap:
            seed_group(self.bootstrap, group, [(self.topic, number) for number in range(PARTITIONS)])
        return group

    def member(self, group: str = "") -> Subscription:
        """A member of a group, of a new one by default."""
        made = self.broker.subscribe(group or self.new_group(), [self.topic])
        self.opened.append(made)
        return made

    def close(self, opened: Publisher | Subscription) -> None:
        """Close it before the end of the test."""
        opened.close()
        self.opened.remove(opened)

    def records(self, keys: Sequence[str], numbers: range) -> list[OutRecord]:
        """For each number a record of each key."""
        return [OutRecord(self.topic, key, str(number).encode()) for number in numbers for key in keys]

    def kill(self) -> None:
        """kill -9 the broker, and return when its supervisor has it ready again."""
        before = self._row()
        assert before.pid is not None
        os.kill(before.pid, signal.SIGKILL)
        until(lambda: self._row().restarts > before.restarts and self._row().health == "ready")

    def _row(self) -> ComponentState:
        state = running(self.home) if self.home else None
        assert state is not None, "no stack of the test runs"
        return state.components["kafka"]


def read(member: Subscription, count: int, limit: int = 500) -> list[InRecord]:
    """Poll until so many records are there; the broker may be away meanwhile."""
    records: list[InRecord] = []

    def enough() -> bool:
        records.extend(polled(member, limit))
        return len(records) >= count

    until(enough)
    return records


def polled(member: Subscription, limit: int = 500) -> list[InRecord]:
    """What there is to read now; nothing where the broker is away."""
    try:
        records = member.poll(limit, 0.05)
    except BrokerAway:
        return []
    assert len(records) <= limit
    return records


def numbers_by_key(records: Sequence[InRecord]) -> dict[str, list[int]]:
    """The numbers of each key in the order they were read, each where it came first."""
    firsts = dict.fromkeys((record.key, int(record.value)) for record in records)
    found: dict[str, list[int]] = {}
    for key, number in firsts:
        found.setdefault(key, []).append(number)
    return found
