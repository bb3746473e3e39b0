"""reporting_svc as a whole, on a real database: events of four topics in, reports out."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from atlas.orders.v1 import order_pb2
from atlas.reporting.v1 import report_pb2, timeline_pb2
from chassis import migrate
from chassis.application import Application
from chassis.broker import OutRecord
from chassis.clock import ManualClock
from chassis.envelope import Cause, Place, seal
from chassis.errors import NotFound
from chassis.ids import IdSource
from chassis.memory_broker import MemoryBroker
from chassis.tables import metadata as chassis_metadata
from chassis.tables import parked_event
from chassis.values import time_message
from chassis.world import SYSTEM, Actor
from reporting_svc import app, store
from reporting_svc.invariants import check
from reporting_svc.queries import Reports
from reporting_svc.settings import Settings
from tests.reporting_svc.builders import (
    DEADLINE,
    NOW,
    cancelled,
    changed,
    invoiced,
    not_required,
    paid,
    placed,
    received,
    reserved,
)

TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
ISSUER = "https://issuer.test/realms/atlas-erp"
OPS = Actor(ISSUER, "ops-id", "ops", "atlas-cli", frozenset({"orders:read", "orders:read_all", "reporting:read"}))
BUYER = Actor(ISSUER, "buyer-id", "buyer", "atlas-cli", frozenset({"orders:read", "reporting:read"}))
OTHER = Actor(ISSUER, "buyer2-id", "buyer2", "atlas-cli", frozenset({"orders:read", "reporting:read"}))


@dataclass
class Newsroom:
    """Publishes what the other services say, and reads the reports."""

    application: Application
    broker: MemoryBroker
    clock: ManualClock
    _ids: IdSource
    _sequences: dict[tuple[str, str], int] = field(default_factory=dict)

    def tell(self, *payloads: Any, attempt: int = 1) -> None:
        """Publish events, a millisecond apart."""
        for payload in payloads:
            kind = self.application.service.catalog.by_payload[type(payload)]
            key = getattr(payload, kind.key_field)
            number = self._sequences[kind.topic, key] = self._sequences.get((kind.topic, key), 0) + 1
            self.clock.advance(timedelta(milliseconds=1))
            place = Place(self._ids.new(), self.clock.now(), "Order", key, number)
            sealed = seal(kind, payload, place, Cause("corr", "cause-1", TRACE, SYSTEM, attempt))
            self.broker.append(OutRecord(kind.topic, key, sealed.value, dict(sealed.headers)))

    def read(self) -> None:
        """Let the service read everything; nothing may fail."""
        while self.application.consumer.step():
            pass
        with self.application.database.begin() as connection:
            assert connection.execute(sa.select(sa.func.count()).select_from(parked_event)).scalar() == 0
            assert [finding for finding in check(connection) if finding.wrong] == []

    def timeline(self, order_id: str, actor: Actor = OPS) -> timeline_pb2.Timeline:
        """Ask for a timeline."""
        request = timeline_pb2.GetTimelineRequest(order_id=order_id)
        with self.application.database.begin() as connection:
            return self._reports.get_timeline(connection, request, actor).timeline

    def summaries(self, actor: Actor = OPS, **filters: Any) -> report_pb2.ListOrderSummariesResponse:
        """Ask for the order summaries."""
        request = report_pb2.ListOrderSummariesRequest(**filters)
        with self.application.database.begin() as connection:
            return self._reports.list_order_summaries(connection, request, actor)

    @property
    def _reports(self) -> Reports:
        return Reports(self.application.edge().pager, self.clock)


@pytest.fixture(scope="module")
def migrated_url(postgres_url: str) -> str:
    migrate.upgrade("reporting_svc", postgres_url)
    return postgres_url


@pytest.fixture
def news(migrated_url: str) -> Iterator[Newsroom]:
    """A service that has read nothing yet: how far behind it is, is said of all orders."""
    clock, broker = ManualClock(NOW), MemoryBroker()
    settings = Settings(profile="dev", database_url=SecretStr(migrated_url))
    application = app.build(settings, clock, broker, IdSource(clock))
    with application.database.begin() as connection:
        connection.execute(sa.text("TRUNCATE inbox, stream_position, order_summary, timeline_step"))
    yield Newsroom(application, broker, clock, IdSource(clock))
    application.consumer.close()
    application.close()


@pytest.fixture
def order_id() -> str:
    return str(uuid.uuid4())


def test_timeline_shows_what_happened_and_what_is_still_to_come(news: Newsroom, order_id: str) -> None:
    news.tell(placed(order_id), changed(order_id, "PLACED"), not_required(order_id))
    news.tell(reserved(order_id), attempt=3)
    news.tell(changed(order_id, "RESERVED", "RESERVED", "AWAITED", "AWAITED", "NOT_REQUIRED"))
    news.clock.advance(timedelta(milliseconds=40))
    news.read()
    timeline = news.timeline(order_id)
    assert timeline.state == order_pb2.ORDER_STATE_RESERVED
    assert [step.event_type for step in timeline.steps] == [
        "OrderPlaced",
        "OrderStateChanged",
        "ApprovalNotRequired",
        "InventoryReserved",
        "OrderStateChanged",
    ]
    step = timeline.steps[3]
    assert (step.producer, step.attempts, step.causation_id, step.summary) == ("inventory-svc", 3, "cause-1", "2 units held")
    assert (step.latency_ms, step.seen_time) == (41, time_message(news.clock.now()))
    assert timeline.as_of == timeline.steps[-1].occur_time
    coming = [(step.event_type, step.owner, step.HasField("expected_by"), step.overdue) for step in timeline.remaining_steps]
    assert coming == [
        ("InvoiceCreated", "billing-svc", True, False),
        ("PaymentSucceeded", "billing-svc", True, False),
        ("OrderConfirmed", "order-svc", True, False),
        ("OrderFulfilled", "order-svc", False, False),
    ]
    news.clock.advance(DEADLINE - NOW)
    assert [step.overdue for step in news.timeline(order_id).remaining_steps] == [True, True, True, False]


def test_timeline_is_found_once_the_placement_is_read_and_only_by_who_may_see_it(news: Newsroom, order_id: str) -> None:
    news.tell(reserved(order_id))
    news.read()
    for actor in (OPS, BUYER):
        with pytest.raises(NotFound) as refused:
            news.timeline(order_id, actor)
        assert refused.value.retry_after == 1
        assert "ask again" in refused.value.hint
    news.tell(placed(order_id))
    news.read()
    assert [step.event_type for step in news.timeline(order_id, BUYER).steps] == ["InventoryReserved", "OrderPlaced"]
    with pytest.raises(NotFound):
        news.timeline(order_id, OTHER)
    assert news.summaries(OTHER, customer_id="cust-1").rows == []


@pytest.mark.parametrize("first", list(itertools.permutations(range(3))))
def test_topics_may_be_read_in_any_order(news: Newsroom, order_id: str, first: tuple[int, ...]) -> None:
    groups: list[list[Any]] = [
        [
            placed(order_id),
            changed(order_id, "PLACED"),
            cancelled(order_id),
            changed(order_id, "CANCELLED", settlement="PENDING"),
        ],
        [reserved(order_id)],
        [invoiced(order_id), paid(order_id)],
    ]
    for number in first:
        news.tell(*groups[number])
        news.read()
    timeline = news.timeline(order_id)
    assert timeline.state == order_pb2.ORDER_STATE_CANCELLED
    assert len(timeline.steps) == 7
    (row,) = [row for row in news.summaries(page_size=200).rows if row.order_id == order_id]
    assert row.cancel_reason == order_pb2.CANCEL_REASON_CUSTOMER_REQUEST
    assert row.settlement == order_pb2.SETTLEMENT_PENDING
    assert row.placed_by.username == "buyer"
    assert row.last_event_type == timeline.steps[-1].event_type


def test_rewound_consumer_changes_nothing(news: Newsroom, order_id: str) -> None:
    news.tell(placed(order_id), changed(order_id, "PLACED"), reserved(order_id))
    news.read()
    before = news.timeline(order_id)
    news.clock.advance(timedelta(seconds=5))
    news.application.consumer.rewind()
    news.read()
    assert news.timeline(order_id).steps == before.steps


def test_step_is_written_once_even_where_the_inbox_has_forgotten_it(news: Newsroom, order_id: str) -> None:
    news.tell(placed(order_id), changed(order_id, "PLACED"))
    news.read()
    before = news.timeline(order_id)
    with news.application.database.begin() as connection:
        connection.execute(sa.text("TRUNCATE inbox, stream_position"))
    news.application.consumer.rewind()
    news.read()
    assert news.timeline(order_id) == before


def test_what_is_about_no_order_is_read_and_is_in_no_timeline(news: Newsroom) -> None:
    news.tell(received(f"SKU-{uuid.uuid4().hex[:8]}"))
    news.read()
    assert news.application.consumer.lag() == 0


def test_summaries_are_filtered_paged_and_newest_first(news: Newsroom) -> None:
    subject = f"{uuid.uuid4().hex}-id"
    mine = Actor(ISSUER, subject, "me", "atlas-cli", frozenset({"reporting:read"}))
    ids = [str(uuid.uuid4()) for _ in range(3)]
    for number, order_id in enumerate(ids):
        news.tell(placed(order_id, subject, NOW + timedelta(hours=number)), changed(order_id, "PLACED"))
    news.tell(changed(ids[0], "CANCELLED", settlement="SETTLED", deadline=None))
    news.clock.advance(timedelta(seconds=2))
    news.read()
    first = news.summaries(mine, page_size=2)
    assert [row.order_id for row in first.rows] == ids[:0:-1]
    assert first.lag_seconds == 2
    assert first.as_of == time_message(news.clock.now() - timedelta(seconds=2))
    second = news.summaries(mine, page_size=2, page_token=first.next_page_token)
    assert [row.order_id for row in second.rows] == [ids[0]]
    assert second.next_page_token == ""
    assert not second.rows[0].HasField("deadline_time")
    assert first.rows[0].deadline_time == time_message(DEADLINE)
    assert first.rows[0].total.minor_units == 12_000
    only = news.summaries(mine, state=[order_pb2.ORDER_STATE_CANCELLED])
    assert [row.order_id for row in only.rows] == [ids[0]]
    window = news.summaries(
        mine, place_time_from=time_message(NOW + timedelta(hours=1)), place_time_to=time_message(NOW + timedelta(hours=2))
    )
    assert [row.order_id for row in window.rows] == [ids[1]]


def test_an_order_is_listed_as_stuck_while_its_money_could_not_be_given_back(news: Newsroom) -> None:
    subject = f"{uuid.uuid4().hex}-id"
    mine = Actor(ISSUER, subject, "me", "atlas-cli", frozenset({"reporting:read"}))
    live, pending, failed, settled = ids = [str(uuid.uuid4()) for _ in range(4)]
    news.tell(*[placed(order_id, subject) for order_id in ids], changed(live, "CONFIRMED"))
    for order_id, settlement in ((pending, "PENDING"), (failed, "FAILED"), (settled, "SETTLED")):
        news.tell(changed(order_id, "CANCELLED", settlement=settlement, deadline=None))
    news.read()

    def listed(*settlements: order_pb2.Settlement.ValueType) -> set[str]:
        return {row.order_id for row in news.summaries(mine, settlement=settlements).rows}

    assert listed(order_pb2.SETTLEMENT_FAILED) == {failed}
    assert listed(order_pb2.SETTLEMENT_FAILED, order_pb2.SETTLEMENT_PENDING) == {failed, pending}
    assert listed() == set(ids)
    news.tell(changed(failed, "CANCELLED", settlement="SETTLED", deadline=None))
    news.read()
    assert listed(order_pb2.SETTLEMENT_FAILED) == set()


def test_invariants_name_what_was_tampered_with(news: Newsroom, order_id: str) -> None:
    news.tell(placed(order_id))
    news.read()
    with news.application.database.connect() as connection, connection.begin() as transaction:
        wanted = {"order": order_id}
        connection.execute(sa.text("UPDATE order_summary SET last_event_time = now() WHERE order_id = :order"), wanted)
        assert [bool(finding.wrong) for finding in check(connection)] == [True, False]
        connection.execute(sa.text("DELETE FROM order_summary WHERE order_id = :order"), wanted)
        assert [bool(finding.wrong) for finding in check(connection)] == [False, True]
        transaction.rollback()


def test_tables_and_migrations_agree(news: Newsroom) -> None:
    inspector = sa.inspect(news.application.database)
    for table in (*chassis_metadata.tables.values(), *store.metadata.tables.values()):
        columns = {column["name"]: column["nullable"] for column in inspector.get_columns(table.name)}
        assert columns == {column.name: column.nullable for column in table.columns}, table.name


def test_migrations_go_down_and_up_again(new_database: Any) -> None:
    url = new_database("reporting")
    migrate.upgrade("reporting_svc", url)
    migrate.downgrade("reporting_svc", url)
    migrate.upgrade("reporting_svc", url)
