"""Many writers at once on few items: no deadlock, every invariant holds; and a long queue is read from its index."""

from __future__ import annotations

import random
import time
import uuid
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from atlas.inventory.v1 import reservation_pb2
from chassis import migrate
from chassis.clock import SandboxClock
from chassis.command_handling import run_commands
from chassis.database import is_infrastructure, sqlstate
from chassis.event_handling import EventHandler
from chassis.ids import IdSource
from chassis.memory_broker import MemoryBroker
from chassis.paging import Pager
from inventory_svc import app, invariants
from inventory_svc.queue_queries import QueueReads
from inventory_svc.settings import Settings
from tests.inventory_svc.builders import NOON
from tests.inventory_svc.counter import OPS, Counter, Order, a_buyer, a_priority, a_receipt, a_release

WRITERS, SKUS = 16, [f"L-{number:02}" for number in range(20)]
DEADLOCK, LOCK_TIMEOUT = "40P01", "55P03"


@pytest.fixture
def busy(new_database: Callable[[str], str]) -> Iterator[Counter]:
    """The service on a database of its own, with a connection for each writer."""
    url = new_database("busy")
    migrate.upgrade("inventory_svc", url)
    clock, broker = SandboxClock(), MemoryBroker()
    settings = Settings(profile="dev", database_url=SecretStr(url), pool_size=WRITERS + 1)
    application = app.build(settings, clock, broker, IdSource(clock))
    yield Counter(application, broker, clock)  # type: ignore[arg-type]  # a clock that runs
    application.relay.close()
    application.consumer.close()
    application.close()


class Writer:
    """One of many: places and cancels orders of one to three items, receives stock, moves who waits and releases holds."""

    def __init__(self, busy: Counter, number: int) -> None:
        self.busy = busy
        self.mood = random.Random(number)
        self.handler = EventHandler(busy.application.service, self.mood)
        self.orders: list[Order] = []
        self.done: Tally[str] = Tally()

    def run(self, until: float) -> Tally[str]:
        """Write until then."""
        while time.monotonic() < until:
            name = self.mood.choice(("place", "place", "place", "cancel", "receive", "receive", "move", "release"))
            self.done[name] += getattr(self, name)() if self.orders or name in ("place", "receive") else 0
        return self.done

    def place(self) -> int:
        """Place an order."""
        wants = [(sku, self.mood.randint(1, 5)) for sku in self.mood.sample(SKUS, self.mood.randint(1, 3))]
        self.orders.append(Order(tuple(wants), place_time=self.busy.clock.now()))
        return self._read(self.orders[-1].placed())

    def cancel(self) -> int:
        """Cancel an order."""
        return self._read(self.orders.pop(self.mood.randrange(len(self.orders))).cancelled())

    def receive(self) -> int:
        """Receive a few items."""
        arrived = [(sku, self.mood.randint(1, 3)) for sku in self.mood.sample(SKUS, self.mood.randint(1, 4))]
        return self._call(a_receipt(*arrived, reference=f"PO-{self.mood.randint(1, 9)}"))

    def move(self) -> int:
        """Give an order another place."""
        return self._call(a_priority(self.mood.choice(self.orders), self.mood.randint(0, 9)))

    def release(self) -> int:
        """Let an order give back what it holds."""
        return self._call(a_release(self.mood.choice(self.orders)))

    def _read(self, payload: Any) -> int:
        record = self.busy.record(payload)
        while True:
            try:
                self.handler.handle([record])
            except Exception as error:
                if not is_infrastructure(error) or sqlstate(error) != LOCK_TIMEOUT:
                    raise
            else:
                return 1

    def _call(self, call: Any) -> int:
        (answer,) = run_commands(self.busy.application.service, [call])
        return int(answer.error is None)


@pytest.mark.parametrize("seconds", [6, pytest.param(20, marks=pytest.mark.full)])
@pytest.mark.timeout(120)
def test_sixteen_writers_on_twenty_items_never_deadlock(busy: Counter, seconds: int) -> None:
    for sku in SKUS:
        busy.create(sku, on_hand=2)
    failures: Tally[str] = Tally()
    engine = busy.application.database
    sa.event.listen(engine, "handle_error", lambda context: failures.update([sqlstate(context.original_exception)]))
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(WRITERS) as threads:
        tallies = list(threads.map(lambda writer: writer.run(until), [Writer(busy, n) for n in range(WRITERS)]))
    done: Tally[str] = sum(tallies, Tally())
    assert all(done[name] > 0 for name in ("place", "cancel", "receive", "move", "release")), done
    with engine.connect() as connection:
        assert [finding for finding in invariants.check(connection) if finding.wrong] == []
        parked = connection.scalar(sa.text("SELECT count(*) FROM parked_event"))
    assert (failures[DEADLOCK], parked) == (0, 0), f"{done}, {failures}"
    assert _deadlocks(engine) == 0


def _deadlocks(engine: sa.Engine) -> int:
    """What the server counted, after every connection has told it."""
    engine.dispose()
    with engine.connect() as connection:
        count = connection.scalar(sa.text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))
    return int(count or 0)


QUEUE = """
    INSERT INTO stock_item SELECT 'LONG-' || n, 'x', 'MAIN', 'EUR', 1, 0, 0, :lines / 4, 1, 1, now(), now(), 0
        FROM generate_series(0, 3) n;
    INSERT INTO reservation SELECT (lpad(to_hex(n), 8, '0') || '-0000-7000-8000-000000000000')::uuid, 'BACKORDERED', 0,
        :noon + n * interval '1 s', 'buyer-' || n % 1000, '', false, false, false, '[]', 1, 1, :noon, :noon, NULL, false
        FROM generate_series(1, :lines) n;
    INSERT INTO reservation_line SELECT order_id, 1, 'LONG-' || (extract(epoch FROM place_time)::bigint % 4), 1, 0, 0, 1,
        NULL, 0, place_time, false, true FROM reservation;
    ANALYZE
"""


@pytest.fixture(params=[20_000, pytest.param(100_000, marks=pytest.mark.full)])
def lines(request: pytest.FixtureRequest) -> int:
    """How many wait."""
    return int(request.param)


@pytest.fixture
def long_queue(busy: Counter, lines: int) -> Counter:
    """Many lines that wait, for four items."""
    with busy.application.database.begin() as connection:
        for statement in QUEUE.split(";"):
            given = {"lines": lines, "noon": NOON}
            connection.execute(sa.text(statement), {name: given[name] for name in given if f":{name}" in statement})
    return busy


def _read(busy: Counter, request: Any, actor: Any, plans: list[str] | None = None) -> Any:
    """Read a page; with the plan of every statement that reads lines, if wanted."""
    reads = QueueReads(Pager("secret"), busy.application.service.clock)
    seen: list[tuple[str, Any]] = []
    with busy.application.database.begin() as connection:
        sa.event.listen(connection, "before_cursor_execute", lambda c, cursor, text, given, *_: seen.append((text, given)))
        answer = reads.list_backorders(connection, request, actor)
        for text, given in list(seen) if plans is not None else ():
            if "reservation_line" in text:
                rows = connection.exec_driver_sql(f"EXPLAIN (ANALYZE) {text}", given)
                plans.append("\n".join(str(row[0]) for row in rows))  # type: ignore[union-attr]  # wanted
    return answer


def _cost_of(read: Callable[[], Any]) -> float:
    began = time.perf_counter()
    read()
    return time.perf_counter() - began


def test_a_page_of_a_long_queue_is_read_from_its_index(long_queue: Counter, lines: int) -> None:
    plans: list[str] = []
    request = reservation_pb2.ListBackordersRequest(sku="LONG-2", page_size=50)
    page = _read(long_queue, request, OPS, plans)
    assert [b.queue_position for b in page.backorders] == list(range(1, 51))
    assert [plan for plan in plans if "Seq Scan on reservation" in plan] == []
    assert "reservation_line_queue" in plans[0], plans[0]
    assert "Sort" not in plans[0], plans[0]
    for _ in range(20):
        request.page_token = page.next_page_token
        page = _read(long_queue, request, OPS)
    assert page.backorders[0].queue_position == 1_001
    everything = reservation_pb2.ListBackordersRequest(page_size=50)
    assert _cost_of(lambda: _read(long_queue, everything, OPS)) < 1
    mine = _read(long_queue, reservation_pb2.ListBackordersRequest(page_size=200), a_buyer("buyer-7"))
    assert len(mine.backorders) == lines // 1000
    assert {uuid.UUID(b.order_id).int >> 96 for b in mine.backorders} == set(range(7, lines, 1000))
