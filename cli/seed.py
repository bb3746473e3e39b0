"""`atlas seed`: the items and prices every example uses, and a look whether the default policy is there. Safe to repeat."""

from __future__ import annotations

import time
from dataclasses import dataclass

import typer

from cli.client import Caller, CliProblem, RestClient, connect
from cli.connection import DEFAULT_HOME, HomeOption, JsonOption
from cli.exits import CommandFailed
from cli.show import show_json

POLICY = "orders-default"
SEED = "seed"
TAX_BASIS_POINTS = 2000


@dataclass(frozen=True, slots=True)
class SeedItem:
    """An item with its first stock; cost and list price are in cents."""

    sku: str
    name: str
    stock: int
    cost: int
    price: int


ITEMS = (
    SeedItem("LAMP-01", "Desk lamp", 1000, 1200, 1999),
    SeedItem("DESK-02", "Standing desk", 50, 8000, 125_000),
    SeedItem("CHAIR-03", "Office chair", 6, 3500, 14_900),
    SeedItem("RARE-04", "Rare cabinet", 0, 40000, 89_900),
)


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(epilog="Example: atlas seed")(seed)


def seed(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Make the items LAMP-01, DESK-02, CHAIR-03, RARE-04 with stock and list price; check the default approval policy."""
    began = time.monotonic()
    rows = plant(connect(home))
    if as_json:
        show_json(rows)
        return
    stock = ", ".join(f"{row['sku']} {row['on_hand']}" for row in rows)
    made = sum(bool(row["made"]) for row in rows)
    print(f"seeded: {stock} on hand ({made} new), policy {POLICY} is there {time.monotonic() - began:>5.1f} s")


def plant(client: RestClient) -> list[dict[str, object]]:
    """Make what is missing; one row an item. CommandFailed when the default policy is not there."""
    _check_policy(client.as_user("admin"))
    operator = client.as_user("ops")
    return [_plant(operator, item) for item in ITEMS]


def _plant(operator: Caller, item: SeedItem) -> dict[str, object]:
    """The keys are fixed, and a price and a receipt are looked for, so that no second run changes a price or adds stock."""
    cost = _euros(item.cost)
    made = True
    try:
        operator.post("/v1/inventory/items", {"sku": item.sku, "name": item.name, "standard_cost": cost})
    except CliProblem as problem:
        if problem.problem_code != "ALREADY_EXISTS":
            raise
        made = False
    reference = f"{SEED}-{item.sku}"
    if not operator.get("/v1/prices", sku=item.sku, page_size=1).get("prices"):
        price = {"sku": item.sku, "unit_price": _euros(item.price), "tax_rate_basis_points": TAX_BASIS_POINTS}
        operator.post("/v1/prices", price, key=reference)
    if item.stock and not any(operator.pages("/v1/inventory/receipts", "receipts", reference=reference)):
        lines = [{"sku": item.sku, "quantity": item.stock}]
        operator.post("/v1/inventory/receipts", {"reference": reference, "lines": lines}, key=reference)
    now = operator.get(f"/v1/inventory/items/{item.sku}")
    return {"sku": item.sku, "made": made, "on_hand": now["on_hand"], "available": now["available"]}


def _euros(cents: int) -> dict[str, object]:
    return {"currency_code": "EUR", "minor_units": cents}


def _check_policy(reader: Caller) -> None:
    policy = reader.find(f"/v1/approval-policies/{POLICY}")
    if policy is None or policy["policy_version"] < 1:
        raise CommandFailed(f"the approval policy {POLICY} is missing", "atlas reset, then atlas up: a migration inserts it")
