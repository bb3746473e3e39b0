"""Who may not set prices orders at list price; and nobody uses a reference of his own twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cli.client import CliProblem, Json
from cli.scenarios.stage import PRICE, Placed, Stage, an_order

SUMMARY = "a buyer orders at list price only, staff sets prices; a reference is used once"
LOWER, A_YEAR = 1499, timedelta(days=365)
MISMATCH, DUPLICATE = [422, "PRICE_MISMATCH"], [409, "DUPLICATE_REFERENCE"]


def play(stage: Stage) -> None:
    """A lamp at 19.99 EUR, and one that is not on the list."""
    sku = stage.item("LAMP", stock=10)
    _bound_by_the_list(stage, sku)
    _price_of_the_future(stage, sku)
    discounted = _set_by_staff(stage, sku)
    _referenced_once(stage, sku)
    stage.until_state(discounted, "CONFIRMED")
    stage.expect_balances(discounted, a1000=2159, a1100=0, a2000=-360, a2300=-1799)
    stage.expect_stock(sku, on_hand=10, reserved=3, available=7)
    stage.expect_balanced_books()


def _bound_by_the_list(stage: Stage, sku: str) -> None:
    stage.note("the buyer orders at list price, then in other ways")
    stage.until_state(stage.place("listed", an_order(sku, 1)), "CONFIRMED")
    unlisted = f"{sku}-NEW"
    for what, order, place, said in (
        ("another price", an_order(sku, 1, price=LOWER), "unit_price", f"{sku} in EUR: unit_price is {LOWER}, listed {PRICE}"),
        ("a discount", _discounted(sku), "discount_basis_points", f"{sku} in EUR: discount_basis_points is 1000, listed 0"),
        ("an item not listed", an_order(unlisted, 1), "unit_price", f"there is no list price for {unlisted} in EUR"),
    ):
        expected = [*MISMATCH, f"/lines/0/{place}", said]
        stage.expect(f"quote with {what}", expected, _refusal(stage, "/v1/orders/quote", order))
        stage.expect(f"order with {what}", expected, _refusal(stage, "/v1/orders", order | {"client_reference": unlisted}))
    stage.expect("orders placed by these", [], _orders(stage, unlisted))


def _price_of_the_future(stage: Stage, sku: str) -> None:
    stage.note("a lower price is listed, valid in a year")
    (now,) = _list(stage, sku)
    later = datetime.fromisoformat(now["valid_from"]) + A_YEAR
    stage.list_price(sku, LOWER, valid_from=later.isoformat())
    stage.expect("prices listed", [LOWER, PRICE], [row["unit_price"]["minor_units"] for row in _list(stage, sku)])
    stage.expect("order at that price now", MISMATCH, _refusal(stage, "/v1/orders", an_order(sku, 1, price=LOWER))[:2])


def _set_by_staff(stage: Stage, sku: str) -> Placed:
    stage.note("staff gives the discount")
    return stage.place("discounted", _discounted(sku), user="ops")


def _referenced_once(stage: Stage, sku: str) -> None:
    order = an_order(sku, 1) | {"client_reference": f"web-{sku}"}
    first = stage.place("first", order)
    stage.note("the same reference again, under another key")
    status, code, _place, said = _refusal(stage, "/v1/orders", order)
    stage.expect("second order", [*DUPLICATE, True], [status, code, first.order_id in said])
    stage.expect("orders with the reference", [first.order_id], _orders(stage, order["client_reference"]))
    stage.until_state(first, "CONFIRMED")


def _discounted(sku: str) -> Json:
    order = an_order(sku, 1)
    order["lines"][0]["discount_basis_points"] = 1000
    return order


def _refusal(stage: Stage, path: str, body: Json) -> list[Any]:
    """Status, code, the first place named, and what is said: of that place, or of the whole."""
    try:
        stage.buyer.post(path, body)
    except CliProblem as problem:
        place = next(iter(problem.document.get("errors", ())), {"pointer": "", "detail": problem.detail})
        return [problem.status, problem.problem_code, place["pointer"], place["detail"]]
    return [200, "", "", ""]


def _list(stage: Stage, sku: str) -> list[Json]:
    return list(stage.buyer.pages("/v1/prices", "prices", sku=sku))


def _orders(stage: Stage, reference: str) -> list[str]:
    return [order["order_id"] for order in stage.buyer.pages("/v1/orders", "orders", client_reference=reference)]
