"""L1: whatever is done to stock, in whatever order, on a real database: it is what a model of it says.

ATLAS_STOCK_SEED=17 plays another seed; ATLAS_STOCK_EXAMPLES says how many plays it makes. A failure is told as it happened:
to shrink it would take minutes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any, cast

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import text

from chassis.errors import Refusal
from inventory_svc.invariants import check
from tests.inventory_svc.builders import an_id
from tests.inventory_svc.counter import Counter, a_priority, a_release, an_adjustment, an_order
from tests.inventory_svc.stock_model import Model, Wanted

SEED = int(os.environ.get("ATLAS_STOCK_SEED", "20260301"))
EXAMPLES = int(os.environ.get("ATLAS_STOCK_EXAMPLES", "8"))
STEPS = 50
PLAYS = count(1)
COST = 1200
PLACES = st.integers(0, 2)
WANTS = st.lists(st.tuples(PLACES, st.integers(1, 4)), min_size=1, max_size=3)
MORE = st.dictionaries(PLACES, st.integers(1, 6), min_size=1)
EITHER_WAY = st.dictionaries(PLACES, st.integers(-5, 5).filter(bool), min_size=1)
ANY = st.integers(0, 999)
MINUTES = st.integers(0, 9)

ITEMS = text("""
SELECT sku, on_hand, reserved, backordered, cost_minor_units,
    (SELECT coalesce(sum(value_change_minor_units), 0)::bigint FROM stock_movement WHERE stock_movement.sku = stock_item.sku)
FROM stock_item WHERE sku = ANY(:skus) ORDER BY sku
""")
LINES = text("""
SELECT order_id::text, held, shipped, waiting FROM reservation_line WHERE sku = ANY(:skus) ORDER BY order_id, line_number
""")


class StockMachine(RuleBasedStateMachine):
    """Three items of its own, and everybody who may change them: order_svc by its events, the warehouse by its calls."""

    def __init__(self, counter: Counter) -> None:
        super().__init__()
        self.counter = counter
        self.play = next(PLAYS)
        self.order_count = 0
        self.skus = [f"M{self.play}-{letter}" for letter in "ABC"]
        self.model = Model(dict.fromkeys(self.skus, COST))
        for sku in self.skus:
            counter.create(sku)

    def _by_sku(self, units: dict[int, int]) -> dict[str, int]:
        return {self.skus[place]: quantity for place, quantity in units.items()}

    def _of(self, wants: list[tuple[int, int]], minute: int) -> Any:
        """An order with an id that is greater than those before, so that a play is the same each time it is played."""
        self.order_count += 1
        order = an_order(*((self.skus[place], quantity) for place, quantity in wants), minute=minute)
        return replace(order, order_id=an_id(self.play * 1000 + self.order_count))

    def _cancellable(self) -> list[Wanted]:
        return [order for order in self.model.orders if order.is_open and not order.is_touched]

    def _waiting(self) -> list[Wanted]:
        return [order for order in self.model.orders if order.is_open and not order.is_complete]

    def _closable(self) -> list[Wanted]:
        touched = [order for order in self.model.orders if order.is_open and order.is_touched]
        return [order for order in touched if any(line.held for line in order.lines)]

    def _shippable(self) -> list[Wanted]:
        ready = [order for order in self.model.orders if order.is_open and order.is_confirmed and order.is_complete]
        return [order for order in ready if any(line.held for line in order.lines)]

    def _confirmable(self) -> list[Wanted]:
        ready = [order for order in self.model.orders if order.is_open and order.is_complete]
        return [order for order in ready if not order.is_confirmed]

    @rule(wants=WANTS, minute=MINUTES)
    def place(self, wants: list[tuple[int, int]], minute: int) -> None:
        """An order is placed: it is reserved, or waits; it may be older than those that were read before it."""
        order = self._of(wants, minute)
        self.counter.publish(order.placed())
        self.model.placed(order)
        is_reserved = self.model.orders[-1].is_complete
        told = ["InventoryReserved" if is_reserved else "InventoryReservationFailed"]
        assert self.counter.kinds(order.order_id) == told

    @rule(units=MORE)
    def receive(self, units: dict[int, int]) -> None:
        """Stock comes in."""
        arrived = self._by_sku(units)
        receipt = self.counter.receive(*arrived.items())
        assert list(receipt.completed_order_ids) == self.model.moved(arrived)

    @rule(units=EITHER_WAY)
    def adjust(self, units: dict[int, int]) -> None:
        """Stock is corrected, all lines or none."""
        corrected = self._by_sku(units)
        (answer,) = self.counter.run(an_adjustment(*corrected.items()))
        if self.model.can_move(corrected):
            response: Any = answer.response
            assert list(response.adjustment.completed_order_ids) == self.model.moved(corrected)
        else:
            assert isinstance(answer.error, Refusal)
            assert answer.error.reason == "STOCK_IN_USE"

    @rule(place=PLACES, cost=st.sampled_from([0, 1, COST, 999]))
    def revalue(self, place: int, cost: int) -> None:
        """An item is worth something else."""
        self.counter.revalue(self.skus[place], cost)
        self.model.revalued(self.skus[place], cost)

    @precondition(lambda self: self._confirmable())
    @rule(pick=ANY)
    def confirm(self, pick: int) -> None:
        """An order that is held completely may be shipped from now on."""
        wanted = _picked(self._confirmable(), pick)
        self.counter.publish(wanted.order.confirmed())
        wanted.is_confirmed = True

    @precondition(lambda self: self._shippable())
    @rule(pick=ANY)
    def ship_one(self, pick: int) -> None:
        """One unit of the first line leaves, if none has before; told twice, it leaves once."""
        wanted = _picked(self._shippable(), pick)
        if not wanted.is_touched:
            told = wanted.order.partially_fulfilled(1)
            self.counter.publish(told, told)
            self.model.shipped(wanted, {0: 1})

    @precondition(lambda self: self._shippable())
    @rule(pick=ANY)
    def ship(self, pick: int) -> None:
        """All that remains leaves; told twice, it leaves once."""
        wanted = _picked(self._shippable(), pick)
        told = wanted.order.fulfilled(but=wanted.lines[0].shipped)
        self.counter.publish(told, told)
        self.model.shipped(wanted, {place: line.held for place, line in enumerate(wanted.lines)})

    @precondition(lambda self: self._cancellable())
    @rule(pick=ANY)
    def cancel(self, pick: int) -> None:
        """An order is cancelled before its first shipment; told twice, it gives back once."""
        wanted = _picked(self._cancellable(), pick)
        with self._released_once(wanted):
            self.counter.publish(wanted.order.cancelled(), wanted.order.cancelled())
            self.model.cancelled(wanted)

    @precondition(lambda self: self._closable())
    @rule(pick=ANY)
    def close(self, pick: int) -> None:
        """What remains of an order is cancelled after its first shipment; told twice, it gives back once."""
        wanted = _picked(self._closable(), pick)
        rest = {number: line.held for number, line in enumerate(wanted.lines, 1) if line.held}
        told = wanted.order.lines_cancelled(rest)
        with self._released_once(wanted):
            self.counter.publish(told, told)
            self.model.closed(wanted)

    @precondition(lambda self: self._waiting())
    @rule(pick=ANY, priority=st.integers(0, 9))
    def prioritize(self, pick: int, priority: int) -> None:
        """An order that waits gets another place; what others hold stays theirs."""
        wanted = _picked(self._waiting(), pick)
        self.counter.do(a_priority(wanted.order, priority))
        wanted.priority = priority

    @precondition(lambda self: self._waiting())
    @rule(pick=ANY)
    def release_held(self, pick: int) -> None:
        """An order that waits gives back what it holds, and takes stock again only to be complete."""
        wanted = _picked(self._waiting(), pick)
        if any(line.held for line in wanted.lines):
            with self._released_once(wanted):
                self.counter.do(a_release(wanted.order))
                self.model.released(wanted)
            return
        (answer,) = self.counter.run(a_release(wanted.order))
        assert isinstance(answer.error, Refusal)
        assert answer.error.reason == "ILLEGAL_STATE"

    @contextmanager
    def _released_once(self, wanted: Wanted) -> Iterator[None]:
        """Exactly one InventoryReleased of an order is told."""
        before = self.counter.kinds(wanted.order.order_id).count("InventoryReleased")
        yield
        assert self.counter.kinds(wanted.order.order_id).count("InventoryReleased") == before + 1

    @rule(wants=WANTS, minute=MINUTES)
    def cancel_before_place(self, wants: list[tuple[int, int]], minute: int) -> None:
        """A cancel that is read first leaves a tombstone, and the order changes nothing."""
        order = self._of(wants, minute)
        self.counter.publish(order.cancelled(), order.placed())
        assert self.counter.kinds(order.order_id) == ["InventoryReleased"]

    @invariant()
    def it_is_what_the_model_says(self) -> None:
        """Items, what every line holds, has had and waits for, and what the movements are worth."""
        with self.counter.application.database.connect() as connection:
            items = connection.execute(ITEMS, {"skus": self.skus}).all()
            lines = connection.execute(LINES, {"skus": self.skus}).all()
        model = self.model
        assert [tuple(row) for row in items] == [
            (sku, model.on_hand[sku], model.reserved(sku), model.backordered(sku), model.cost[sku], model.booked[sku])
            for sku in self.skus
        ]
        assert [tuple(row) for row in lines] == [
            (wanted.order.order_id, line.held, line.shipped, line.missing if wanted.is_open else 0)
            for wanted in sorted(model.orders, key=lambda wanted: wanted.order.order_id)
            for line in wanted.lines
        ]

    def teardown(self) -> None:
        """Everything the service promises of its database holds."""
        assert all(self.model.booked[sku] == self.model.on_hand[sku] * self.model.cost[sku] for sku in self.skus)
        with self.counter.application.database.connect() as connection:
            assert [finding for finding in check(connection) if finding.wrong] == []


def _picked(candidates: list[Wanted], pick: int) -> Wanted:
    return candidates[pick % len(candidates)]


def test_stock_is_what_the_model_says_whatever_is_done_to_it(counter: Counter) -> None:
    print(f"play it again: ATLAS_STOCK_SEED={SEED} pytest {__file__}")
    run_state_machine_as_test(
        cast(Any, hypothesis.seed(SEED)(lambda: StockMachine(counter))),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
