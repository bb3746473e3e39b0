"""What a new order is held against, on a real database: the price that is valid then, and references that are taken."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from atlas.orders.v1 import order_service_pb2
from chassis.application import Application
from chassis.clock import ManualClock
from chassis.command_handling import Answer, CommandCall, run_commands
from chassis.errors import Refusal
from chassis.ids import IdSource
from chassis.memory_broker import MemoryBroker
from chassis.money import Money
from chassis.world import Actor, World
from order_svc import app, lookups
from order_svc.domain.price_list import Price
from order_svc.domain.pricing import LineRequest, price
from order_svc.settings import Settings
from order_svc.store import STORE, client_reference, orders
from tests.order_svc.builders import BUYER, NOW, PLACE_ORDER, STRANGER, a_call, a_place_request, a_price, an_actor

STAFF, SHOPPER, OTHER = an_actor(BUYER, "orders:price"), an_actor(BUYER), an_actor(STRANGER, "orders:price")
THREADS, ROUNDS, BATCH = 16, 12, 20
HOUR = timedelta(hours=1)
_LOOKUP = re.compile(r"FROM (price|client_reference)\b")


@pytest.fixture(scope="module")
def second(order_database: str) -> Iterator[Application]:
    """Another process of the service, on the same database."""
    clock = ManualClock(NOW)
    settings = Settings(profile="dev", database_url=SecretStr(order_database))
    service = app.build(settings, clock, MemoryBroker(), IdSource(clock, random.Random(2)))
    yield service
    service.relay.close()
    service.close()


def a_sku() -> str:
    """A SKU that no other test has."""
    return f"SKU-{uuid4()}"


def _list(service: Application, *prices: Price) -> None:
    """List prices, all in one transaction, in this order."""
    with service.database.begin() as connection:
        world = World()
        for each in prices:
            world.put(each, NOW)
        STORE.save(connection, world)


def _listed(service: Application, *wants: tuple[str, str], at: datetime = NOW) -> dict[tuple[str, str], int]:
    """The unit prices that are listed for (SKU, currency) at a time."""
    lines = price([LineRequest(sku, 1, Money(currency, 0), 0, 0) for sku, currency in wants]) if wants else ()
    with service.database.begin() as connection:
        return {key: found.unit_price.minor_units for key, found in lookups.listed_at(connection, lines, at).items()}


@contextmanager
def _lookups(service: Application) -> Iterator[list[str]]:
    """The tables that are looked into meanwhile, once for each statement."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.extend(_LOOKUP.findall(statement))

    sa.event.listen(service.database, "before_cursor_execute", note)
    yield seen
    sa.event.remove(service.database, "before_cursor_execute", note)


def _place(sku: str, reference: str = "", actor: Actor = STAFF) -> CommandCall:
    request = a_place_request()
    request.lines[0].sku = sku
    if reference:
        request.client_reference = reference
    return a_call(PLACE_ORDER, request, actor)


def _order_id(answer: Answer) -> str:
    assert isinstance(answer.response, order_service_pb2.PlaceOrderResponse), answer.error
    return answer.response.order.order_id


def _reason(answer: Answer) -> str:
    assert isinstance(answer.error, Refusal), answer
    return answer.error.reason


def _orders(service: Application, reference: str) -> int:
    statement = sa.select(sa.func.count()).where(orders.c.client_reference == reference)
    with service.database.begin() as connection:
        return connection.execute(statement).scalar_one()


def test_the_list_price_is_the_latest_that_is_valid_already(order_service: Application) -> None:
    sku = a_sku()
    _list(order_service, *[a_price(sku, units, valid_from=NOW + hours * HOUR) for units, hours in ((3, 2), (1, -2), (2, -1))])
    shown = {hours: _listed(order_service, (sku, "EUR"), at=NOW + hours * HOUR) for hours in (-3, -2, -1, 0, 2, 3)}
    assert [list(found.values()) for found in shown.values()] == [[], [1], [2], [2], [3], [3]]


def test_of_two_prices_from_the_same_time_the_one_made_last_counts(order_service: Application) -> None:
    sku, ids = a_sku(), [f"0190a000-0000-7000-8000-{random.randrange(16**11):011x}{number}" for number in range(2)]
    first, last = (a_price(sku, units) for units in (1, 2))
    older, newer = sorted(ids)
    _list(order_service, Price(newer, sku, last.unit_price, 0, NOW), Price(older, sku, first.unit_price, 0, NOW))
    assert _listed(order_service, (sku, "EUR")) == {(sku, "EUR"): 2}


def test_each_sku_and_currency_has_its_own_list_price(order_service: Application) -> None:
    one, two = a_sku(), a_sku()
    _list(order_service, a_price(one, 1), a_price(one, 2, currency="USD"), a_price(two, 3))
    asked = ((one, "EUR"), (two, "EUR"), (a_sku(), "EUR"))
    assert _listed(order_service, *asked) == {(one, "EUR"): 1, (two, "EUR"): 3}
    assert _listed(order_service, (one, "USD"), (one, "USD")) == {(one, "USD"): 2}
    assert _listed(order_service) == {}


def test_a_random_history_gives_what_the_rule_says(order_service: Application) -> None:
    mood, sku = random.Random(17), a_sku()
    history = [a_price(sku, units, valid_from=NOW + mood.randint(-6, 6) * HOUR) for units in range(40)]
    history = [Price(f"0190a000-0000-7000-8001-{n:012d}", sku, p.unit_price, 0, p.valid_from) for n, p in enumerate(history)]
    _list(order_service, *mood.sample(history, len(history)))
    for hours in range(-7, 8):
        at = NOW + hours * HOUR
        valid = sorted((p.valid_from, p.price_id, p.unit_price.minor_units) for p in history if p.valid_from <= at)
        assert list(_listed(order_service, (sku, "EUR"), at=at).values()) == [units for *_, units in valid[-1:]]


def test_a_batch_reads_the_list_once_and_only_where_somebody_needs_it(order_service: Application) -> None:
    skus = [a_sku() for _ in range(5)]
    _list(order_service, *[a_price(sku) for sku in skus])
    with _lookups(order_service) as seen:
        answers = run_commands(order_service.service, [_place(sku, actor=SHOPPER) for sku in skus])
        assert [answer.error for answer in answers] == [None] * 5
        assert seen == ["price"]
        run_commands(order_service.service, [_place(sku) for sku in skus])
        assert seen == ["price"]
        run_commands(order_service.service, [_place(sku, f"web-{sku}") for sku in skus])
        assert seen == ["price", "client_reference"]


def test_in_one_batch_everybody_is_held_to_what_he_may(order_service: Application) -> None:
    sku = a_sku()
    _list(order_service, a_price(sku, 1_999))
    calls = [_place(sku), _place(sku, actor=SHOPPER), _place(a_sku(), actor=SHOPPER), _place(sku)]
    answers = run_commands(order_service.service, calls)
    assert [answer.error is None for answer in answers] == [True, False, False, True]
    assert [_reason(answer) for answer in answers[1:3]] == ["PRICE_MISMATCH"] * 2


def test_of_one_reference_in_a_batch_the_first_order_is_placed(order_service: Application) -> None:
    sku, reference = a_sku(), f"web-{uuid4()}"
    first, second, other = run_commands(
        order_service.service, [_place(sku, reference), _place(sku, reference), _place(sku, reference, OTHER)]
    )
    assert _reason(second) == "DUPLICATE_REFERENCE"
    assert _order_id(first) in str(second.error)
    assert _order_id(other) != _order_id(first)
    assert _orders(order_service, reference) == 2


def test_the_same_key_again_is_a_replay_and_a_new_key_is_a_duplicate(order_service: Application) -> None:
    reference = f"web-{uuid4()}"
    request = a_place_request(client_reference=reference)
    call = a_call(PLACE_ORDER, request, STAFF, key=f"key-{reference}")
    (first,) = run_commands(order_service.service, [call])
    replay, again = run_commands(order_service.service, [call, a_call(PLACE_ORDER, request, STAFF)])
    assert (replay.replayed, replay.response) == (True, first.response)
    assert _reason(again) == "DUPLICATE_REFERENCE"
    assert _order_id(first) in str(again.error)


def test_a_refused_order_leaves_its_reference_free(order_service: Application) -> None:
    sku, reference = a_sku(), f"web-{uuid4()}"
    refused, placed = run_commands(order_service.service, [_place(sku, reference, SHOPPER), _place(sku, reference)])
    assert _reason(refused) == "PRICE_MISMATCH"
    assert _order_id(placed)


def test_sixteen_at_once_through_two_processes_place_one_order(order_service: Application, second: Application) -> None:
    services, sku, reference = (order_service.service, second.service), a_sku(), f"web-{uuid4()}"

    def place(number: int) -> Answer:
        (answer,) = run_commands(services[number % 2], [_place(sku, reference)])
        return answer

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(place, range(THREADS)))
    (winner,) = [_order_id(answer) for answer in answers if answer.error is None]
    losers = [answer for answer in answers if answer.error is not None]
    assert [_reason(answer) for answer in losers] == ["DUPLICATE_REFERENCE"] * (THREADS - 1)
    assert all(winner in str(answer.error) for answer in losers)
    assert _orders(order_service, reference) == 1


def test_batches_that_take_the_same_references_crosswise_never_deadlock(
    order_service: Application, second: Application
) -> None:
    before = _deadlocks(order_service)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(ROUNDS):
            references = [f"web-{uuid4()}" for _ in range(BATCH)]
            one = pool.submit(_run, order_service, references)
            two = pool.submit(_run, second, references[::-1])
            placed = [answer for answer in (*one.result(), *two.result()) if answer.error is None]
            assert len(placed) == BATCH
    assert _deadlocks(order_service) == before


def _run(service: Application, references: Sequence[str]) -> list[Answer]:
    return run_commands(service.service, [_place("LAMP-01", reference) for reference in references])


def _deadlocks(service: Application) -> int:
    statement = "SELECT pg_stat_clear_snapshot(), deadlocks FROM pg_stat_database WHERE datname = current_database()"
    with service.database.begin() as connection:
        return int(connection.execute(sa.text(statement)).one().deadlocks)


@pytest.mark.parametrize("table", ["price", "client_reference"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET version = 2", "DELETE FROM {}", "TRUNCATE {}"], ids=lambda verb: verb[:6])
def test_what_was_listed_or_used_stays_written(order_service: Application, table: str, verb: str) -> None:
    with pytest.raises(sa.exc.ProgrammingError, match="append-only"), order_service.database.begin() as connection:
        connection.execute(sa.text(verb.format(table)))


def test_a_reference_names_an_order_that_exists(order_service: Application) -> None:
    row = {"reference_key": "nobody|web", "order_id": str(uuid4()), "version": 1, "stream_sequence": 0}
    with pytest.raises(sa.exc.IntegrityError), order_service.database.begin() as connection:
        connection.execute(sa.insert(client_reference), [row | {"create_time": NOW, "update_time": NOW}])
