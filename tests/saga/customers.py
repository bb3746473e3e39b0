"""What people do in a play, by their own seeded wishes: place, cancel, approve, ship orders; restock, count, revalue items."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

import order_svc.store
import workflow_svc.tables
from billing_svc.domain.order_account import OrderAccount
from billing_svc.settings import SANDBOX_METHODS
from chassis.world import Actor, keys
from tests.saga import people
from tests.saga.office import Call, Office
from tests.saga.services import Services

METHODS = (*4 * ("pm_ok",), *2 * ("pm_slow",), *SANDBOX_METHODS)
WAYS_OUT = ("pm_ok", "pm_slow", "pm_timeout_then_ok", "pm_declined_hard", "pm_wrong_amount")
COSTS = (0, 1, 700, 1_300)
PRICES = (0, 1, 999, 2_390, 30_000, 400_000)
VOTERS = (people.APPROVER, people.FINANCE, people.SECOND_APPROVER, people.BUYER_WHO_APPROVES, people.BUYER, people.CLERK)


@dataclass(slots=True)
class Wish:
    """What becomes of one order, if it can: cancelled at some point, shipped when confirmed, approved, rejected or neither."""

    placing: Call
    is_cancelled: bool
    is_shipped: bool
    is_rejected: bool
    is_decided: bool
    asked: set[str] = field(default_factory=set)
    """What was asked for already."""

    @property
    def order_id(self) -> str:
        """The order, once it is known."""
        return str(self.placing.response.order.order_id) if self.placing.response is not None else ""


class Customers:
    """Everybody outside: they see what the services show, and call them through the office."""

    def __init__(self, services: Services, office: Office, mood: random.Random) -> None:
        self.office = office
        self.customer = f"cust-{office.label}"
        self.skus = [f"{office.label}-{letter}" for letter in "ABC"[: mood.randint(1, 3)]]
        self.wishes: list[Wish] = []
        self._services = services
        self._mood = mood
        self._orders_left = mood.randint(3, 6)
        self._receipts = 0
        self._receipts_left = mood.randint(0, 6)
        self._corrections_left = mood.randint(0, 6)

    def open_shop(self) -> None:
        """Make the items known, with some stock of most of them."""
        for sku in self.skus:
            self.office.now(people.new_item(sku, self._mood.choice(COSTS)), people.CLERK)
            if self._mood.random() < 0.7:
                self.restock(self._mood.randint(2, 25), sku)

    def act(self) -> None:
        """Do one thing that somebody might do now."""
        draw = self._mood.random()
        if self._orders_left and draw < 0.4:
            self._place()
        elif self._receipts_left and draw < 0.5:
            self._receipts_left -= 1
            self.restock(self._mood.randint(1, 6), self._mood.choice(self.skus))
        elif self._corrections_left and draw < 0.6:
            self._corrections_left -= 1
            self._correct()
        elif self.wishes:
            self.look_after(self._mood.choice(self.wishes))

    def _correct(self) -> None:
        """Count some items, and find more or less than there should be, held or not; or revalue one."""
        mood = self._mood
        if mood.random() < 0.4:
            self.office.ask(people.new_cost(mood.choice(self.skus), mood.choice(COSTS)), people.CLERK)
            return
        counted = mood.sample(self.skus, mood.randint(1, min(2, len(self.skus))))
        quantities = {sku: mood.choice((-6, -2, -1, 1, 4)) for sku in counted}
        self.office.ask(people.adjustment(**quantities), people.CLERK)

    def restock(self, quantity: int, sku: str) -> None:
        """Receive stock."""
        self._receipts += 1
        reference = f"{self.office.label}-R{self._receipts}"
        self.office.ask(people.receipt(reference, **{sku: quantity}), people.CLERK)

    def _place(self) -> None:
        self._orders_left -= 1
        mood = self._mood
        skus = [*self.skus, f"{self.office.label}-UNKNOWN"] if mood.random() < 0.1 else self.skus
        lines = [people.line(mood.choice(skus), mood.randint(1, 5), mood.choice(PRICES)) for _ in range(mood.randint(1, 3))]
        buyer = mood.choice((people.BUYER, people.BUYER_WHO_APPROVES))
        placing = self.office.ask(people.order(self.customer, mood.choice(METHODS), *lines), buyer)
        cancelled, shipped, rejected, decided = (mood.random() < chance for chance in (0.4, 0.8, 0.3, 0.9))
        self.wishes.append(Wish(placing, cancelled, shipped, rejected, decided))

    def look_after(self, wish: Wish) -> None:
        """Look at one order, and do what its wishes want where it is."""
        if not wish.order_id:
            return
        state = self.state_of(wish.order_id)
        if self._mood.random() < 0.25:
            self._mind_money(wish)
        if wish.is_cancelled and self._mood.random() < 0.3:
            self._once(wish, "cancel", people.cancel(wish.order_id), people.BUYER)
        elif state in ("CONFIRMED", "PARTIALLY_FULFILLED") and wish.is_shipped:
            self._once(wish, *self._mood.choice(self._shipments(wish)), people.CLERK)
        elif state == "AWAITING_APPROVAL" and wish.is_decided:
            self._vote(wish)
        elif self._mood.random() < 0.1:
            self._once(wish, "ship early", people.ship(wish.order_id), people.CLERK)

    def _mind_money(self, wish: Wish) -> None:
        """Let finance look at an order's account, and do what may be done where it is, rightful or not."""
        account = self._services.load("billing", keys(OrderAccount, [wish.order_id])).find(OrderAccount, wish.order_id)
        if account is None or account.invoice is None:
            return
        mood, invoice_id = self._mood, account.invoice.invoice_id
        for refund in account.refunds:
            if refund.is_failed:
                self._once(wish, f"retry {refund.refund_id}", people.retry(refund.refund_id), people.FINANCE)
        if account.wants_money and not account.has_open_attempt:
            self._once(wish, "pay", people.pay(invoice_id, mood.choice(WAYS_OUT)), people.FINANCE)
        if mood.random() < 0.2:
            self._once(wish, "void", people.void(invoice_id), people.FINANCE)
        if account.shipments:
            self._once(wish, "credit", people.credit(invoice_id, (1, 1)), people.FINANCE)
        for attempt in account.attempts[:1]:
            self._once(wish, "resolve", people.resolve(attempt.payment_id), people.FINANCE)
            self._once(wish, "refund", people.refund(attempt.payment_id, mood.choice((1, 99, 1_200))), people.FINANCE)

    @staticmethod
    def _shipments(wish: Wish) -> tuple[tuple[str, Any], ...]:
        """The ways to go on: ship one unit, or two where there are two, of the first line, or all; or cancel what remains."""
        return (
            ("ship one", people.ship(wish.order_id, (1, 1))),
            ("ship two", people.ship(wish.order_id, (1, 2))),
            ("ship", people.ship(wish.order_id)),
            ("close", people.close(wish.order_id)),
        )

    def change_mind(self, order_id: str) -> None:
        """Cancel an order, at the worst moment."""
        for wish in self.wishes:
            if wish.order_id == order_id:
                self._once(wish, "cancel", people.cancel(order_id), people.BUYER)

    def _once(self, wish: Wish, what: str, request: Any, actor: Actor) -> None:
        if what not in wish.asked:
            wish.asked.add(what)
            self.office.ask(request, actor)

    def _vote(self, wish: Wish) -> None:
        """Let anybody try to decide, rightful or not: the service has to know."""
        for row in self._open_approvals(wish.order_id):
            make = people.reject if wish.is_rejected else people.approve
            self.office.ask(make(row.approval_id, row.total_minor_units), self._mood.choice(VOTERS))

    def state_of(self, order_id: str) -> str:
        """The state that GET shows."""
        table = order_svc.store.orders
        with self._services.connection("order") as connection:
            return str(connection.execute(sa.select(table.c.state).where(table.c.order_id == order_id)).scalar_one())

    def _open_approvals(self, order_id: str) -> list[Any]:
        table = workflow_svc.tables.approval
        statement = sa.select(table.c.approval_id, table.c.total_minor_units)
        with self._services.connection("workflow") as connection:
            rows = connection.execute(statement.where(table.c.order_id == order_id, table.c.state == "PENDING")).all()
        return list(rows)
