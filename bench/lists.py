"""S3: the first and the hundredth page of every list of orders on 10^6 orders, beside the same on 10^4.

The page is read as order_svc reads it, SQL to response, from memory: each is read a few times and the median counts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa

from atlas.orders.v1 import order_pb2, order_service_pb2
from bench import many_orders
from bench.figures import Check, Detail, Outcome, Pair, ratio_of
from bench.plans import plans_of
from bench.record import TIMES
from bench.stack import Databases, stack
from chassis import collector
from chassis.database import make_engine
from chassis.paging import Pager
from chassis.values import time_message
from chassis.world import Actor
from order_svc.domain.order import State
from order_svc.queries import OrderLists

GOAL: Final = "S3"
FEW, MANY = 10_000, 1_000_000
SIZE, AHEAD, STEP, REPEATS = 20, 99 * 20, 180, 7
# the page, the first row of the next and one of each state; where a third of the rows match, another index may be as good
REACH = 3 * (SIZE + 1 + len(State))
ALL, OWN = frozenset({"orders:read_all"}), frozenset[str]()
_RARE, _OTHER = order_pb2.OrderState.Value(f"ORDER_STATE_{many_orders.STATE}"), order_pb2.ORDER_STATE_CONFIRMED
_STATE, _STATES, _CUSTOMER = {"state": [_RARE]}, {"state": [_RARE, _OTHER]}, {"customer_id": many_orders.CUSTOMER}
_WINDOW = {
    "create_time_from": time_message(many_orders.time_of(FEW // 10)),
    "create_time_to": time_message(many_orders.time_of(FEW - FEW // 10)),
}
FILTERS: Mapping[str, tuple[frozenset[str], Mapping[str, Any]]] = MappingProxyType(
    {
        "all": (ALL, {}),
        "state": (ALL, _STATE),
        "states": (ALL, _STATES),
        "customer": (ALL, _CUSTOMER),
        "customer, state": (ALL, _CUSTOMER | _STATE),
        "reference": (ALL, {"client_reference": many_orders.REFERENCE}),
        "window": (ALL, _WINDOW),
        "window, state": (ALL, _WINDOW | _STATE),
        "own": (OWN, {}),
        "own, state": (OWN, _STATE),
        "own, states": (OWN, _STATES),
        "own, customer": (OWN, _CUSTOMER),
        "own, customer, state": (OWN, _CUSTOMER | _STATE),
    }
)


@dataclass(frozen=True, slots=True)
class Shelf:
    """order_svc's table with this many orders, and its lists."""

    database: sa.Engine
    lists: OrderLists

    def page(self, name: str, token: str, size: int = SIZE) -> order_service_pb2.ListOrdersResponse:
        """Read one page of a list."""
        with self.database.begin() as connection:
            return self._read(connection, name, token, size)

    def token(self, name: str) -> str:
        """Return the token of the hundredth page; the way there goes in larger steps."""
        token = ""
        for _ in range(AHEAD // STEP):
            token = self.page(name, token, STEP).next_page_token
        return token

    def milliseconds(self, name: str, token: str) -> float:
        """Return how long one page takes."""
        started = time.perf_counter()
        found = self.page(name, token)
        elapsed = time.perf_counter() - started
        if len(found.orders) != SIZE:
            raise RuntimeError(f"a page of {name} has {len(found.orders)} orders: the run is void")
        return elapsed * 1000

    def strays(self, name: str, token: str) -> int:
        """Count what a page scans or sorts, and what it reads beyond `REACH` rows, however many there are."""
        with self.database.begin() as connection:
            plans = plans_of(connection, lambda: self._read(connection, name, token, SIZE))
        return sum(len(plan.scans) + plan.rows_sorted + max(0, plan.rows_read - REACH) for plan in plans)

    def _read(self, connection: sa.Connection, name: str, token: str, size: int) -> order_service_pb2.ListOrdersResponse:
        scopes, filters = FILTERS[name]
        actor = Actor("issuer", many_orders.SELLER, "seller", "atlas-cli", scopes, human=True)
        request = order_service_pb2.ListOrdersRequest(page_size=size, page_token=token, **filters)
        return self.lists.list_orders(connection, request, actor)


def run(pairs: int) -> Outcome:
    """Measure on two databases of one stack."""
    with stack("postgres") as addresses:
        databases = Databases(addresses)
        collector.spare_start_up()
        with _shelf(databases, "many", MANY) as many, _shelf(databases, "few", FEW) as few:
            starts = {name: (many.token(name), few.token(name)) for name in FILTERS}
            first = {name: _compare(pairs, many, few, name, ("", "")) for name in FILTERS}
            hundredth = {name: _compare(pairs, many, few, name, start) for name, start in starts.items()}
            strays = sum(many.strays(name, token) for name, start in starts.items() for token in ("", start[0]))
    figures = tuple(ratio_of(f"{GOAL}.{page}", _worst(found)) for page, found in (("first", first), ("hundredth", hundredth)))
    details = (*_details("first", first), *_details("hundredth", hundredth))
    return Outcome(figures, details, (Check(GOAL, "scans, sorted rows and rows beyond the page", 0, strays),))


def _compare(pairs: int, many: Shelf, few: Shelf, name: str, tokens: tuple[str, str]) -> list[Pair]:
    """Read the same page here and there, in turn; a pair is the medians of some of them."""
    found = []
    for _ in range(pairs):
        rows = [(many.milliseconds(name, tokens[0]), few.milliseconds(name, tokens[1])) for _ in range(REPEATS)]
        found.append(Pair(statistics.median(row[0] for row in rows), statistics.median(row[1] for row in rows)))
    return found


def _worst(found: Mapping[str, list[Pair]]) -> list[Pair]:
    """Return the pairs of the filter whose page grew most."""
    return max(found.values(), key=lambda pairs: statistics.median(pair.ratio for pair in pairs))


def _details(page: str, found: Mapping[str, list[Pair]]) -> Iterator[Detail]:
    for name, pairs in found.items():
        yield Detail(GOAL, f"{page} page, {name}: 10^6 over 10^4", statistics.median(pair.ratio for pair in pairs), TIMES)


@contextmanager
def _shelf(databases: Databases, name: str, count: int) -> Iterator[Shelf]:
    engine = make_engine(databases.fresh("order_svc", name).get_secret_value(), name="bench", pool_size=2)
    try:
        many_orders.fill(engine, count)
        yield Shelf(engine, OrderLists(Pager("a secret of the bench")))
    finally:
        engine.dispose()
