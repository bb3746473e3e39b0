"""The orders of a load: what kinds there are, what their buyers do next, and how each has to end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cli.client import Json
from cli.scenarios.stage import PRICE, an_order

END = tuple[str, str]
CONFIRMED: END = ("CONFIRMED", "")
SETTLED: END = ("CANCELLED", "SETTLED")
DEAR = 1_000_000


class Counter(Protocol):
    """Where orders are followed up; every command goes out under the key it names, until it is answered."""

    def cancel(self, order_id: str) -> None:
        """The buyer cancels."""
        ...

    def decide(self, order_id: str, verb: str) -> None:
        """The approver approves; then finance approves or rejects."""
        ...


Act = Callable[[Counter, str], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """`acts` says what happens when an order of the kind is seen in a state; `end` is its last state and settlement."""

    name: str
    count: int
    end: END = CONFIRMED
    acts: Mapping[str, Act] = field(default_factory=dict)
    method: str = "pm_ok"
    price: int = PRICE
    item: str = "plenty"

    def body(self, sku: str, customer: str) -> Json:
        """What is posted."""
        return an_order(sku, 1, price=self.price, method=self.method) | {"customer_id": customer}


def _cancel(counter: Counter, order_id: str) -> None:
    counter.cancel(order_id)


def _grant(counter: Counter, order_id: str) -> None:
    counter.decide(order_id, "approve")


def _reject(counter: Counter, order_id: str) -> None:
    counter.decide(order_id, "reject")


MIX = (
    Kind("happy", 118),
    Kind("slow", 10, method="pm_slow"),
    Kind("backordered", 30, item="scarce"),
    Kind("declined", 16, SETTLED, {"PAYMENT_FAILED": _cancel}, method="pm_declined_hard"),
    Kind("refunded", 16, SETTLED, {"CONFIRMED": _cancel}),
    Kind("granted", 6, acts={"AWAITING_APPROVAL": _grant}, price=DEAR, item="dear"),
    Kind("rejected", 4, SETTLED, {"AWAITING_APPROVAL": _reject}, price=DEAR, item="dear"),
)
"""200 orders; the dear ones ask for two people."""
