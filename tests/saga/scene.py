"""A scene: one scenario of the issue, told step by step, played in order or with everything shuffled and repeated."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

import workflow_svc.tables
from chassis.world import Actor, keys
from inventory_svc.domain.stock import StockItem
from order_svc.domain.shown import show
from tests.saga import invariants, orders, people, streams
from tests.saga.databases import Databases
from tests.saga.orders import Whole
from tests.saga.play import PUBLISHERS, Play
from tests.saga.services import NAMES

REPEATS = 4


class Scene(Play):
    """A play without chance customers. `mood` None plays in order; otherwise deliveries are shuffled and repeated by it."""

    def __init__(self, urls: dict[str, str], label: str, mood: int | None) -> None:
        super().__init__(urls, zlib.crc32(f"{label}-{mood}".encode()), f"{label}-{mood}")
        self.customer = self.customers.customer
        self.sku = f"{self.office.label}-LAMP"
        if mood is not None:
            self.services.broker.mood = random.Random(mood)

    def rest(self) -> None:
        """Let everything happen that happens by itself; repeated deliveries included."""
        mood = self.services.broker.mood
        self.settle()
        if mood is not None:
            for _ in range(REPEATS):
                self._note("broker", self.services.broker.repeat_any(mood))
            self.settle()

    def pump(self) -> None:
        """Let everything happen that needs no time to pass; what the provider tells by himself is not carried yet."""
        while self._pump():
            pass

    def publish(self) -> None:
        """Let everybody publish and read; nobody asks the provider."""
        while sum(self._do("relay", name) for name in PUBLISHERS) + sum(self._do("consume", name) for name in NAMES):
            pass

    def let_pass(self, time: timedelta) -> None:
        """Let time pass, then everything happen that happens by itself."""
        self._pass(time)
        self.rest()

    @contextmanager
    def held_back(self, group: str, topic: str) -> Iterator[None]:
        """Meanwhile a group gets to read nothing of a topic; afterwards everything happens that hangs on it."""
        self.services.broker.held = {(group, topic)}
        yield
        self.services.broker.held = set()
        self.rest()

    def do(self, request: Any, actor: Actor) -> Any:
        """Call, and let everything happen that follows."""
        response = self.office.now(request, actor)
        self.rest()
        return response

    def item(self, *, stock: int, cost: int = 700) -> None:
        """Make the item known, with some stock."""
        self.office.now(people.new_item(self.sku, cost), people.CLERK)
        if stock:
            self.receive(stock)

    def receive(self, quantity: int) -> Any:
        """Receive stock of the item."""
        reference = f"{self.office.label}-{quantity}-{len(self.story)}"
        return self.do(people.receipt(reference, **{self.sku: quantity}), people.CLERK)

    def place(
        self, quantity: int, *, method: str = "pm_ok", price: int = 1_000, discount: int = 0, by: Actor = people.BUYER
    ) -> str:
        """Place an order for the item; its id."""
        line = people.line(self.sku, quantity, price, discount)
        response = self.do(people.order(self.customer, method, line), by)
        return str(response.order.order_id)

    def of(self, order_id: str) -> Whole:
        """The order as everybody knows it now."""
        return orders.whole(self.services, order_id)

    def shows(self, order_id: str) -> tuple[str, ...]:
        """State, then the four facts, then the settlement where there is one: what GET shows."""
        order = self.of(order_id).order
        facts = show(order.known, is_kept=order.is_shipped)
        shown = (order.state.value, facts.reservation, facts.invoice, facts.payment, facts.approval)
        return (*shown, order.settlement.value) if order.settlement else shown

    def stock(self) -> tuple[int, int]:
        """Units on hand and reserved."""
        item = self.services.load("inventory", keys(StockItem, [self.sku])).find(StockItem, self.sku)
        assert item is not None
        return item.on_hand, item.reserved

    def approval(self, order_id: str) -> tuple[str, int]:
        """The approval of an order: its id and the total to name."""
        table = workflow_svc.tables.approval.c
        statement = sa.select(table.approval_id, table.total_minor_units).where(table.order_id == order_id)
        with self.services.connection("workflow") as connection:
            row = connection.execute(statement).one()
        return str(row.approval_id), int(row.total_minor_units)

    def told(self, order_id: str) -> dict[str, list[str]]:
        """What each service told of an order, in its own order, without the state changes."""
        told: dict[str, list[str]] = {}
        seen: set[str] = set()
        for event in streams.read(self.services).events:
            kind = event.metadata.event_type
            if event.stream_key == order_id and event.event_id not in seen and kind != "OrderStateChanged":
                seen.add(event.event_id)
                told.setdefault(event.metadata.producer, []).append(kind)
        return told


@contextmanager
def staged(databases: Databases, label: str, mood: int | None) -> Iterator[Scene]:
    """Play a scene, and check every invariant at its end."""
    scene = Scene(databases.take(), label, mood)
    try:
        yield scene
        scene.rest()
        wrong = invariants.violations(scene.services, scene.customers, scene.postman)
        assert wrong == [], wrong
    except BaseException:
        databases.spoil()
        print(*scene.story, sep="\n")
        raise
    finally:
        scene.services.close()
