"""A consumer in a process of its own that notes when each record reaches it: ours, or a bare one as the floor."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.raw_kafka import Cluster, identity
from chassis.consumer import POLL_SECONDS
from chassis.kafka import KafkaBroker

BATCH = 500
START_SECONDS = 60.0
_PROCESSES = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Place:
    """What is read: a topic of a cluster, by a group."""

    cluster: Cluster
    topic: str
    group: str


Arrivals = list[tuple[str, int]]
"""Event id, and when it arrived in ns of the machine's monotonic clock."""


class Receiver:
    """Starts the process, waits until it has its partitions, and collects what it noted."""

    def __init__(self, kind: str, place: Place) -> None:
        self._here, there = _PROCESSES.Pipe()
        self._process = _PROCESSES.Process(target=_main, args=(kind, place, there), daemon=True)
        self._process.start()
        if not self._here.poll(START_SECONDS):
            raise RuntimeError("the consumer was given no partitions")
        self._here.recv()

    def collect(self, count: int, patience: float) -> Arrivals:
        """Wait until `count` records have arrived, `patience` seconds at most, and end the process."""
        self._here.send((count, time.monotonic() + patience))
        arrivals: Arrivals = self._here.recv()
        self._process.join()
        return arrivals


def _main(kind: str, place: Place, there: Any) -> None:
    poll, is_assigned, close = _READERS[kind](place)
    arrivals: Arrivals = []
    while not is_assigned():
        arrivals += poll()
    there.send("assigned")
    count, deadline = 0, float("inf")
    while len(arrivals) < count or not count:
        if not count and there.poll(0):
            count, deadline = there.recv()
        arrivals += poll()
        if time.monotonic() > deadline:
            break
    close()
    there.send(arrivals)


Reader = tuple[Callable[[], Arrivals], Callable[[], bool], Callable[[], None]]


def _ours(place: Place) -> Reader:
    """Read as chassis.consumer does."""
    broker = KafkaBroker(place.cluster.bootstrap, place.cluster.provider)
    subscription = broker.subscribe(place.group, [place.topic])

    def poll() -> Arrivals:
        records = subscription.poll(BATCH, POLL_SECONDS)
        now = time.monotonic_ns()
        return [(record.headers["ce_id"], now) for record in records]

    return poll, subscription.is_assigned, subscription.close


def _bare(place: Place) -> Reader:
    """Read with the client alone, record by record."""
    consumer = place.cluster.consumer(place.group)
    assigned: list[bool] = []
    consumer.subscribe([place.topic], on_assign=lambda *_: assigned.append(True))

    def poll() -> Arrivals:
        message = consumer.poll(POLL_SECONDS)
        now = time.monotonic_ns()
        return [(identity(message), now)] if message is not None and message.error() is None else []

    return poll, lambda: bool(assigned), consumer.close


_READERS: dict[str, Callable[[Place], Reader]] = {"ours": _ours, "bare": _bare}
