"""Why a command on inventory is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from chassis.errors import Refusal, Violation
from inventory_svc.domain.stock import StockItem

MAX_HOLDERS = 25


class InventoryRefusal(Refusal):
    """Any refusal of inventory_svc."""


class ItemExists(InventoryRefusal):
    """The SKU is taken."""

    reason = "ALREADY_EXISTS"

    def __init__(self, sku: str) -> None:
        super().__init__(f"there is an item {sku} already")


class ForeignCurrency(InventoryRefusal):
    """A cost is not in the currency that the stock is valued in."""

    reason = "VALIDATION_FAILED"

    def __init__(self, currency_code: str, stock_currency: str) -> None:
        violation = Violation("standard_cost.currency_code", "stock.currency", f"must be {stock_currency}")
        super().__init__(f"stock is valued in {stock_currency}, not in {currency_code}", violations=(violation,))


class SkuLikeAnOrder(InventoryRefusal):
    """A SKU has the form of an order id; events of both are keyed by these names, so they may not meet."""

    reason = "VALIDATION_FAILED"

    def __init__(self, sku: str) -> None:
        violation = Violation("sku", "sku.not_uuid", "must not have the form of a UUID")
        super().__init__(f"the sku {sku} has the form of an order id", violations=(violation,))


class ItemNotFound(InventoryRefusal):
    """There is no such item."""

    reason = "NOT_FOUND"

    def __init__(self, sku: str) -> None:
        super().__init__(f"there is no item {sku}")


class ItemChanged(InventoryRefusal):
    """The item is not at the version the caller decided on."""

    reason = "VERSION_MISMATCH"

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(f"the item is at version {actual}, not {expected}")


class TooValuable(InventoryRefusal):
    """The stock would change its value by more than an amount of money can say."""

    reason = "VALIDATION_FAILED"

    def __init__(self, item: StockItem) -> None:
        violation = Violation("standard_cost.minor_units", "standard_cost.value", f"is too much for {item.on_hand} units")
        super().__init__(f"{item.on_hand} units of {item.sku} cannot be revalued by so much", violations=(violation,))


@dataclass(frozen=True, slots=True)
class InUse:
    """A line of an adjustment that takes more than is free: its index, its units, the item, and who holds stock of it."""

    place: int
    quantity: int
    item: StockItem
    holders: tuple[str, ...]


class StockInUse(InventoryRefusal):
    """An adjustment takes stock that is held for orders, or that is not there. Names the first orders that hold it."""

    reason = "STOCK_IN_USE"

    def __init__(self, lines: Iterable[InUse]) -> None:
        found = tuple(lines)
        super().__init__(
            f"{len(found)} line(s) take more than what is free",
            hint="Take no more than what is free, or ship or cancel the orders that are named.",
            violations=tuple(_say_what_is_free(found)),
        )


def _say_what_is_free(lines: Iterable[InUse]) -> Iterator[Violation]:
    """Say it line by line; orders are named as long as the answer stays small."""
    left = MAX_HOLDERS
    for line in lines:
        item, named = line.item, line.holders[:left]
        left -= len(named)
        held = f"{item.reserved} held for orders{' such as ' if named else ''}{', '.join(named)}"
        said = f"takes {-line.quantity} of {item.sku}, of which {item.available} are free: {item.on_hand} on hand, {held}"
        yield Violation(f"lines[{line.place}].quantity", "stock.in_use", said)


class UnknownItems(InventoryRefusal):
    """SKUs are named that no item has; `places` are the indexes of these lines."""

    reason = "VALIDATION_FAILED"

    def __init__(self, places: Iterable[tuple[int, str]]) -> None:
        found = tuple(places)
        violations = tuple(Violation(f"lines[{n}].sku", "sku.exists", f"there is no item {sku}") for n, sku in found)
        super().__init__(f"{len(found)} line(s) name an unknown item", violations=violations)


class ReservationNotFound(InventoryRefusal):
    """No order with this id was read."""

    reason = "NOT_FOUND"

    def __init__(self, order_id: str) -> None:
        super().__init__(f"there is no reservation for order {order_id}")


class ReservationChanged(InventoryRefusal):
    """The reservation is not at the version the caller decided on."""

    reason = "VERSION_MISMATCH"

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(f"the reservation is at version {actual}, not {expected}")


class NotWaiting(InventoryRefusal):
    """The order does not wait for stock, so it has no place in a queue."""

    reason = "ILLEGAL_STATE"

    def __init__(self, order_id: str, state: str) -> None:
        hint = "GET /v1/inventory/backorders lists the orders that wait"
        super().__init__(f"order {order_id} does not wait for stock: its reservation is {state}", hint=hint)


class HoldsNothing(InventoryRefusal):
    """The order waits and holds nothing that could be given back."""

    reason = "ILLEGAL_STATE"

    def __init__(self, order_id: str) -> None:
        hint = "mutual_hold_with in GET /v1/inventory/backorders names the orders that hold what it misses"
        super().__init__(f"order {order_id} holds nothing that could be given back", hint=hint)


class ExpectedInThePast(InventoryRefusal):
    """Stock is announced for a time that has passed."""

    reason = "VALIDATION_FAILED"

    def __init__(self, now: datetime) -> None:
        violation = Violation("expected_time", "expected_time.not_past", f"must not be before now, {now:%Y-%m-%dT%H:%M:%SZ}")
        hint = "what is here already is a receipt: POST /v1/inventory/receipts"
        super().__init__("stock cannot be announced for a time that has passed", hint=hint, violations=(violation,))
