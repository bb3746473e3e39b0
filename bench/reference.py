"""P2: the same load on the same PostgreSQL server, accepted by us and by the textbook reference (bench/textbook)."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import sqlalchemy as sa

from bench.accept import ORDERS, WARM_UP, Shop, shop
from bench.figures import Check, Outcome, Pair, medians, ratio_of
from bench.order_rows import checks
from bench.processes import program
from bench.raw_kafka import Cluster
from bench.stack import Databases, log_file, pids, stack
from bench.textbook.relay import Relay
from bench.textbook.service import TOPIC
from bench.textbook.tables import Entity, IdempotencyKey, Line, Order, OutboxEvent, engine_of, sessions_of
from deploy.local import free_base

GOAL = "P2"


def run(pairs: int) -> Outcome:
    """Measure on a stack of its own; what the reference accepted while warming up goes through its relay."""
    with shop() as ours:
        databases = Databases(ours.addresses)
        url = databases.empty("textbook")
        with reference(ours, url) as theirs:
            ours.place(WARM_UP)
            theirs.place(WARM_UP)
            published = _published(url)
            placed = [(ours.place(ORDERS), theirs.place(ORDERS)) for _ in range(pairs)]
        found = (
            *checks(GOAL, databases.url("order_svc"), WARM_UP + pairs * ORDERS),
            *published,
            *_checks(url, WARM_UP + pairs * ORDERS),
        )
    rates = [Pair(own.load.per_second, their.load.per_second) for own, their in placed]
    costs = [their.microseconds for _, their in placed]
    totals = [sum(own.microseconds.values()) for own, _ in placed]
    ratio = statistics.median(sum(cost.values()) / total for cost, total in zip(costs, totals, strict=True))
    details = (
        *medians(GOAL, [{"CPU of an order, ours": total} for total in totals], "µs CPU/order"),
        *medians(GOAL, [{f"reference: {name}": value for name, value in cost.items()} for cost in costs], "µs CPU/order"),
        *medians(GOAL, [{"CPU of the reference over ours": ratio}], ""),
    )
    return Outcome((ratio_of(GOAL, rates),), details, found)


@contextmanager
def reference(ours: Shop, url: str) -> Iterator[Shop]:
    """Start the reference's service and gateway on an empty database of the same server."""
    engine = engine_of(url)
    Entity.metadata.create_all(engine)
    engine.dispose()
    base = free_base()
    environment = {
        "TEXTBOOK_DATABASE_URL": url,
        "TEXTBOOK_ISSUER": ours.addresses.issuer,
        "TEXTBOOK_HTTP_PORT": str(base),
        "TEXTBOOK_GRPC_PORT": str(base + 1),
    }
    with ExitStack() as programs:
        running = {}
        for role, port in (("service", base + 1), ("gateway", base)):
            log = log_file(ours.addresses, f"textbook-{role}")
            running[role] = programs.enter_context(program("bench.textbook", role, environment=environment, port=port, log=log))
        processes = {**running, "PostgreSQL": pids(ours.addresses)["postgres"]}
        yield Shop(ours.addresses, base, processes)


def _published(url: str) -> tuple[Check, ...]:
    """Let the reference's relay publish what is in its outbox to a broker of its own, and look at what arrived."""
    engine = engine_of(url)
    with stack("kafka") as broker:
        cluster = Cluster.of(broker)
        cluster.make_topic(TOPIC)
        drained = Relay(sessions_of(engine), broker.kafka).drain()
        arrived = cluster.read(TOPIC, {})
    engine.dispose()
    return (
        Check(GOAL, "reference: the warm-up's events drained by its relay", WARM_UP, drained),
        Check(GOAL, "reference: the warm-up's events in the topic, each once", WARM_UP, len({key for key, _ in arrived})),
    )


def _checks(url: str, accepted: int) -> tuple[Check, ...]:
    engine = engine_of(url)
    with engine.connect() as connection:
        counts = {
            entity.__tablename__: connection.execute(sa.select(sa.func.count()).select_from(entity)).scalar_one()
            for entity in (Order, Line, OutboxEvent, IdempotencyKey)
        }
    engine.dispose()
    return tuple(Check(GOAL, f"reference: a row in {table} for each 201", accepted, count) for table, count in counts.items())
