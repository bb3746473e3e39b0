"""What the services say about one order, side by side, and how it is collected."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from chassis.money import half_even
from cli.client import Caller, Json

LISTS = {
    "reservations": "/v1/inventory/reservations",
    "invoices": "/v1/invoices",
    "payments": "/v1/payments",
    "refunds": "/v1/refunds",
    "approvals": "/v1/approvals",
    "journals": "/v1/ledger/journals",
}


@dataclass(slots=True)
class Evidence:
    """One order and what the other services hold about it."""

    order: Json
    reservations: list[Json] = field(default_factory=list)
    invoices: list[Json] = field(default_factory=list)
    payments: list[Json] = field(default_factory=list)
    refunds: list[Json] = field(default_factory=list)
    approvals: list[Json] = field(default_factory=list)
    journals: list[Json] = field(default_factory=list)

    @property
    def state(self) -> str:
        """The order's state."""
        return str(self.order["state"])

    @property
    def settlement(self) -> str:
        """How far its cancellation, or that of what remained of it, is made good; empty without one."""
        return str(self.order.get("settlement", ""))

    @property
    def total(self) -> int:
        """What the order costs, in minor units."""
        return int(self.order["total"]["minor_units"])

    @property
    def net(self) -> int:
        """That without tax."""
        return int(self.order["net"]["minor_units"])

    @property
    def earned(self) -> int:
        """The share of the net that was shipped: of each line half to even, as every shipment carries it."""
        lines = self.order["lines"]
        return sum(half_even(line["net"]["minor_units"] * line["quantity_shipped"], line["quantity"]) for line in lines)

    @property
    def kept_net(self) -> int:
        """The net of what is not cancelled after a shipment: the first units of a line carry their cumulative share."""
        return sum(_kept(line, "net") for line in self.order["lines"])

    @property
    def kept(self) -> int:
        """That with tax: what stays paid of an order that was shipped."""
        return self.kept_net + sum(_kept(line, "tax") for line in self.order["lines"])

    @property
    def to_ship(self) -> int:
        """Units that are neither shipped nor cancelled."""
        lines = self.order["lines"]
        return sum(line["quantity"] - line["quantity_shipped"] - line["quantity_cancelled"] for line in lines)

    @property
    def held(self) -> int:
        """Units that inventory holds for it."""
        return sum(line["held"] for reservation in self.reservations for line in reservation["lines"])

    @property
    def received(self) -> int:
        """Money that came in for it, in minor units of whatever currency, as the books add it up."""
        return sum(int(payment["received"]["minor_units"]) for payment in self.payments if "received" in payment)

    @property
    def applied(self) -> int:
        """What of it went to the invoice."""
        return sum(int(payment["applied"]["minor_units"]) for payment in self.payments if "applied" in payment)

    @property
    def returned(self) -> int:
        """Money that went back."""
        return _sum(refund for refund in self.refunds if refund["state"] == "SUCCEEDED")

    @property
    def owed_back(self) -> int:
        """Money that still has to go back."""
        return _sum(refund for refund in self.refunds if refund["state"] != "SUCCEEDED")

    @property
    def allowed(self) -> int:
        """What people took off what was shipped."""
        return _sum(refund for refund in self.refunds if refund["reason"] == "ALLOWANCE")

    def balance(self, account: str) -> int:
        """Debit minus credit of this account over its journals."""
        total: Counter[str] = Counter()
        for journal in self.journals:
            for entry in journal["entries"]:
                sign = 1 if entry["side"] == "DEBIT" else -1
                total[entry["account"]] += sign * entry["amount"]["minor_units"]
        return total[account]


def collect(reader: Caller, tell: Callable[[str], None] = lambda name: None) -> list[Evidence]:
    """Everything about every order. `tell` hears which list is read."""
    tell("orders")
    orders = list(reader.pages("/v1/orders", "orders"))
    lists: dict[str, dict[str, list[Json]]] = {}
    for name, path in LISTS.items():
        tell(name)
        lists[name] = _by_order(reader.pages(path, name))
    return [Evidence(order, **{name: lists[name].get(order["order_id"], []) for name in LISTS}) for order in orders]


def collect_one(reader: Caller, order_id: str) -> Evidence:
    """Everything about one order."""
    order = reader.get(f"/v1/orders/{order_id}")
    return Evidence(order, **{name: list(reader.pages(path, name, order_id=order_id)) for name, path in LISTS.items()})


def _by_order(rows: Iterable[Json]) -> dict[str, list[Json]]:
    grouped: dict[str, list[Json]] = defaultdict(list)
    for row in rows:
        grouped[row.get("order_id", "")].append(row)
    return grouped


def _kept(line: Json, name: str) -> int:
    return half_even(line[name]["minor_units"] * (line["quantity"] - line["quantity_cancelled"]), line["quantity"])


def _sum(rows: Iterable[Json]) -> int:
    return sum(int(row["amount"]["minor_units"]) for row in rows)
