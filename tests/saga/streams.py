"""What must hold of events: I3 to I6 of reliability.md, over the topics, the outboxes and the inboxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from billing_svc.domain.chain import LEDGER
from chassis.broker import InRecord
from chassis.contracts import EventCatalog
from chassis.envelope import EnvelopeReader, Received
from chassis.tables import dead_letter, inbox, outbox, parked_event, publication, stream_position, timer
from order_svc.reactions import DEADLINE
from tests.saga.services import NAMES, Services


@dataclass(frozen=True, slots=True)
class Story:
    """Every event of a play, as it lies in the topics, duplicates and all."""

    events: tuple[Received, ...]

    def first_of_streams(self) -> dict[tuple[str, str], list[int]]:
        """The numbers of each stream as they first occur."""
        seen: set[str] = set()
        numbers: dict[tuple[str, str], list[int]] = defaultdict(list)
        for event in self.events:
            if event.event_id not in seen:
                seen.add(event.event_id)
                numbers[event.record.topic, event.stream_key].append(event.metadata.stream_sequence)
        return numbers


def read(services: Services) -> Story:
    """Read all topics from the start."""
    catalog: EventCatalog = services["reporting"].service.catalog
    reader = EnvelopeReader(catalog)
    events = []
    for (topic, partition), log in sorted(services.broker.logs.items()):
        if topic not in catalog.envelopes:
            continue  # dead letters, which are a fault of their own
        for offset, record in enumerate(log):
            events.append(reader.read(InRecord(topic, partition, offset, record.key, record.value, record.headers)))
    return Story(tuple(events))


def violations(services: Services) -> Iterator[str]:
    """Say what is wrong with the events of a play that has come to rest."""
    story = read(services)
    yield from _nothing_is_left(services)
    yield from _topics_are_the_outboxes(services, story)
    for stream, numbers in story.first_of_streams().items():
        first = 1 if stream[1] != LEDGER else numbers[0]  # plays share one ledger, and its stream goes on
        if numbers != list(range(first, first + len(numbers))):
            yield f"I5 {stream}: first occurrences are {numbers}"
    for name in NAMES:
        yield from _everything_is_handled(services, name, story)


def _nothing_is_left(services: Services) -> Iterator[str]:
    """I3, and nothing waits or has died."""
    for name in NAMES:
        with services.connection(name) as connection:
            for table, where in (
                (publication, publication.c.publish_time.is_(None)),
                (parked_event, sa.true()),
                (dead_letter, sa.true()),
                (timer, timer.c.kind != DEADLINE),
            ):
                left = connection.execute(sa.select(sa.func.count()).select_from(table).where(where)).scalar_one()
                if left:
                    yield f"I3 {name}: {left} rows are left in {table.name}"


def _topics_are_the_outboxes(services: Services, story: Story) -> Iterator[str]:
    """I4: what is in a topic was committed, by whom the contract says."""
    published: dict[str, set[str]] = defaultdict(set)
    for event in story.events:
        published[event.metadata.producer].add(event.event_id)
    for name in NAMES:
        mine = published.pop(f"{name}-svc", set())
        with services.connection(name) as connection:
            rows = connection.execute(sa.select(outbox.c.event_id).where(outbox.c.event_id.in_(mine)))
            if missing := mine - set(rows.scalars()):
                yield f"I4 {name}: {sorted(missing)} are in a topic and were never committed"
    if published:
        yield f"I4 nobody is called {sorted(published)}"


def _everything_is_handled(services: Services, name: str, story: Story) -> Iterator[str]:
    """I6: each event that a service subscribes to is in its inbox, and its position is the last one's number."""
    application = services[name]
    wanted = [event for event in story.events if type(event.payload) in application.service.subscriptions]
    ids = {event.event_id for event in wanted}
    last: dict[tuple[str, str], int] = defaultdict(int)
    for event in wanted:
        stream = event.record.topic, event.stream_key
        last[stream] = max(last[stream], event.metadata.stream_sequence)
    with services.connection(name) as connection:
        handled = set(connection.execute(sa.select(inbox.c.event_id).where(inbox.c.event_id.in_(ids))).scalars())
        rows = connection.execute(sa.select(stream_position).where(stream_position.c.stream_key.in_({k for _, k in last})))
        positions = {(row.topic, row.stream_key): row.sequence for row in rows}
    if handled != ids:
        yield f"I6 {name}: {sorted(ids - handled)} were never handled"
    if wrong := {stream: (positions.get(stream), number) for stream, number in last.items() if positions.get(stream) != number}:
        yield f"I6 {name}: positions differ from the last numbers: {wrong}"
