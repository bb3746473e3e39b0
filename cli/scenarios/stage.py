"""The stage on which scenarios play: verbs over REST, a live timeline while waiting, and expectations."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cli.client import Json, RestClient
from cli.scenarios import books
from cli.scenarios.check import Check, ScenarioFailed, check_soon
from cli.scenarios.narrator import Narrator
from cli.timeline import read_timeline
from cli.waiting import NeverHappened, wait_until

STATE_SECONDS = 20.0
PRICE, TAX_BASIS_POINTS = 1999, 2000
INCIDENTAL = frozenset({"OrderStateChanged", "PaymentPending", "PaymentUnknown"})
"""Events whose number depends on timing; shown, not counted."""


@dataclass(slots=True)
class Placed:
    """An order of the scenario; `seen` are the ids of the events that were told."""

    label: str
    order_id: str
    total: Json
    seen: set[str] = field(default_factory=set)


class Stage:
    """One play of one scenario, with SKUs of its own, so that it can be repeated at any time."""

    def __init__(self, client: RestClient, narrator: Narrator) -> None:
        self.client = client
        self.buyer = client.as_user("buyer")
        self.ops = client.as_user("ops")
        self.finance = client.as_user("finance")
        self.reader = client.as_user("admin")
        self.checks: list[Check] = []
        self.orders: list[Placed] = []
        self._narrator = narrator
        self._suffix = uuid.uuid4().hex[:8].upper()

    def item(self, name: str, *, stock: int, cost: int = 1200, price: int = PRICE) -> str:
        """Make an item of this play with so much stock, and list its price; its SKU. Cost and price are in cents."""
        sku = f"{name}-{self._suffix}"
        body = {"sku": sku, "name": f"{name.capitalize()} of the demo", "standard_cost": euros(cost)}
        self.ops.post("/v1/inventory/items", body)
        self.list_price(sku, price)
        self._narrator.note(f"item {sku}, stock {stock}")
        if stock:
            self.receive(sku, stock)
        return sku

    def list_price(self, sku: str, price: int = PRICE, **terms: Any) -> Json:
        """List a price in cents, with 20 % tax; from now on unless `terms` say otherwise."""
        body = {"sku": sku, "unit_price": euros(price), "tax_rate_basis_points": TAX_BASIS_POINTS} | terms
        listed: Json = self.ops.post("/v1/prices", body)
        return listed

    def receive(self, sku: str, quantity: int) -> Json:
        """Receive stock; the receipt."""
        body = {"reference": f"PO-{self._suffix}", "lines": [{"sku": sku, "quantity": quantity}]}
        receipt: Json = self.ops.post("/v1/inventory/receipts", body)
        return receipt

    def place(self, label: str, order: Json, *, user: str = "buyer", key: str | None = None) -> Placed:
        """Place an order; it is watched from now on."""
        answer = self.client.as_user(user).post("/v1/orders", order, key)
        return self.watch(label, answer)

    def watch(self, label: str, order: Json) -> Placed:
        """Tell the events of this order from now on."""
        placed = Placed(label, order["order_id"], order["total"])
        self.orders.append(placed)
        self.note(f"{label} is placed: order {placed.order_id}")
        return placed

    def order(self, placed: Placed) -> Json:
        """The order as it is now."""
        found: Json = self.reader.get(f"/v1/orders/{placed.order_id}")
        return found

    def note(self, text: str) -> None:
        """Say what the scenario does."""
        self._narrator.note(text)

    def until_state(self, placed: Placed, state: str, seconds: float = STATE_SECONDS) -> Json:
        """Wait until the order is in this state, telling events; ScenarioFailed when it does not get there."""
        return self._until(placed, lambda order: order["state"] == state, f"{placed.label} {state}", seconds)

    def until_settled(self, placed: Placed, settlement: str = "SETTLED", seconds: float = STATE_SECONDS) -> Json:
        """Wait until the cancellation of the order, or of what remained of it, has come so far."""
        holds: Callable[[Json], bool] = lambda order: order.get("settlement") == settlement  # noqa: E731
        return self._until(placed, holds, f"{placed.label} {settlement}", seconds)

    def until(self, placed: Placed, holds: Callable[[], bool], what: str) -> None:
        """Wait until something else about the order holds."""
        self._until(placed, lambda _order: holds(), f"{placed.label}: {what}", STATE_SECONDS)

    def _until(self, placed: Placed, holds: Callable[[Json], bool], what: str, seconds: float) -> Json:
        def read() -> Json:
            self.tell()
            return self.order(placed)

        try:
            return wait_until(read, holds, what=what, seconds=seconds)
        except NeverHappened as late:
            state = self.order(placed)
            raise ScenarioFailed(f"{what} did not come; order {placed.order_id} is {brief(state)}") from late

    def tell(self) -> None:
        """Tell every event that was not told yet."""
        for placed in self.orders:
            for step in (read_timeline(self.reader, placed.order_id) or {}).get("steps", ()):
                if step["event_id"] not in placed.seen:
                    placed.seen.add(step["event_id"])
                    self._narrator.step(placed.label, step)

    def expect(self, what: str, expected: Any, actual: Any) -> None:
        """Something has to be so now."""
        self.checks.append(Check(what, expected, actual))

    def expect_soon(self, what: str, expected: Any, read: Callable[[], Any]) -> None:
        """Something has to be so within seconds."""
        self.checks.append(check_soon(what, expected, read))

    def expect_events(self, placed: Placed, *events: str) -> None:
        """Exactly these events have to be on the order's timeline, in any order."""

        def read() -> list[str]:
            self.tell()
            steps = (read_timeline(self.reader, placed.order_id) or {}).get("steps", ())
            return sorted(step["event_type"] for step in steps if step["event_type"] not in INCIDENTAL)

        self.expect_soon(f"{placed.label}: events", sorted(events), read)

    def expect_balances(self, placed: Placed, **accounts: int) -> None:
        """The order's balances (debit minus credit, in cents) of these accounts, named a1100 and so on."""
        expected = {name[1:]: units for name, units in accounts.items()}
        self.expect_soon(
            f"{placed.label}: balances", expected, lambda: books.balances(self.reader, placed.order_id, list(expected))
        )

    def expect_stock(self, sku: str, **amounts: int) -> None:
        """The item has this on_hand, reserved, available."""
        self.expect_soon(f"stock of {sku}", amounts, lambda: self._stock(sku, list(amounts)))

    def _stock(self, sku: str, names: list[str]) -> dict[str, int]:
        item = self.reader.get(f"/v1/inventory/items/{sku}")
        return {name: item[name] for name in names}

    def expect_balanced_books(self) -> None:
        """Debits equal credits in every currency."""
        self.expect_soon("trial balance", "balanced", lambda: books.trial_balance(self.reader))


def euros(cents: int) -> Json:
    """An amount in EUR."""
    return {"currency_code": "EUR", "minor_units": cents}


def an_order(sku: str, quantity: int, *, price: int = PRICE, discount: int = 0, method: str = "pm_ok") -> Json:
    """The body of an order of one line, 20 % tax; price in cents, discount in basis points."""
    line = {"sku": sku, "quantity": quantity, "unit_price": euros(price), "tax_rate_basis_points": TAX_BASIS_POINTS}
    line["discount_basis_points"] = discount
    return {"customer_id": "cust-demo", "currency_code": "EUR", "payment_method": method, "lines": [line]}


def brief(order: Json) -> str:
    """State, settlement and facts in one phrase."""
    facts = ", ".join(f"{name} {value}" for name, value in order["facts"].items())
    return f"{order['state']} ({facts}{', settlement ' + order['settlement'] if 'settlement' in order else ''})"
