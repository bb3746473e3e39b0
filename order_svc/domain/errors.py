"""Why a command on an order is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.errors import Refusal, Violation


class OrderRefusal(Refusal):
    """Any refusal of order_svc."""


class OrderNotFound(OrderRefusal):
    """There is no such order for this caller."""

    reason = "NOT_FOUND"

    def __init__(self, order_id: str) -> None:
        super().__init__(f"there is no order {order_id}")


class OrderChanged(OrderRefusal):
    """The order is not at the version the caller decided on."""

    reason = "VERSION_MISMATCH"

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(f"the order is at version {actual}, not {expected}")


class OrderNotCancellable(OrderRefusal):
    """The order is cancelled already, or something of it is shipped."""

    reason = "ILLEGAL_STATE"

    def __init__(self, state: str) -> None:
        super().__init__(f"the order is {state}; it can be cancelled before its first shipment only, later what remains of it")


class NothingToClose(OrderRefusal):
    """Nothing of the order is shipped yet, or nothing of it remains."""

    reason = "ILLEGAL_STATE"

    def __init__(self, state: str) -> None:
        super().__init__(f"the order is {state}; only what remains of a PARTIALLY_FULFILLED order can be cancelled")


class OrderNotShippable(OrderRefusal):
    """The order is not confirmed, or nothing of it remains."""

    reason = "ILLEGAL_STATE"

    def __init__(self, state: str) -> None:
        super().__init__(f"the order is {state}; only a CONFIRMED order can be shipped")


class MoreThanReserved(OrderRefusal):
    """A shipment names more units than are reserved and not yet shipped."""

    reason = "ILLEGAL_STATE"

    def __init__(self, line_number: int, wanted: int, remaining: int) -> None:
        super().__init__(f"line {line_number} has {remaining} units left to ship, not {wanted}")


class InvalidLines(OrderRefusal):
    """The lines break a rule that only the order itself can check."""

    reason = "VALIDATION_FAILED"

    def __init__(self, field: str, rule: str, message: str) -> None:
        super().__init__(f"{field} {message}", violations=(Violation(field, rule, message),))


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What is wrong with the price of a line: its place, from 0, the field, and given against listed."""

    place: int
    field: str
    text: str


class PriceMismatch(OrderRefusal):
    """Lines are not at list price, and the caller may not set prices."""

    reason = "PRICE_MISMATCH"

    def __init__(self, mismatches: Sequence[Mismatch]) -> None:
        super().__init__(
            f"{len(mismatches)} line(s) are not at list price",
            hint="GET /v1/prices?sku= has the list; order at unit_price and tax_rate_basis_points as listed, without discount.",
            violations=tuple(Violation(f"lines[{m.place}].{m.field}", "price.listed", m.text) for m in mismatches),
        )


class PriceNotFound(OrderRefusal):
    """There is no such price."""

    reason = "NOT_FOUND"

    def __init__(self, price_id: str) -> None:
        super().__init__(f"there is no price {price_id}")


class DuplicateReference(OrderRefusal):
    """The caller has used this client_reference before."""

    reason = "DUPLICATE_REFERENCE"

    def __init__(self, reference: str, order_id: str) -> None:
        super().__init__(f"you used the client_reference {reference} before, for order {order_id}")
