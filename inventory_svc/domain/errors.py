"""Why a command on inventory is refused."""

from __future__ import annotations

from collections.abc import Iterable

from chassis.errors import Refusal, Violation


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


class UnknownItems(InventoryRefusal):
    """A receipt names SKUs that no item has; `places` are the indexes of these lines."""

    reason = "VALIDATION_FAILED"

    def __init__(self, places: Iterable[tuple[int, str]]) -> None:
        found = tuple(places)
        violations = tuple(Violation(f"lines[{n}].sku", "sku.exists", f"there is no item {sku}") for n, sku in found)
        super().__init__(f"{len(found)} line(s) name an unknown item", violations=violations)
