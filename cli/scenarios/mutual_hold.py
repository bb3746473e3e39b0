"""Two orders each hold what the other misses; an operator gives back the part of one, and both are served."""

from __future__ import annotations

from typing import Any

from cli.client import Json
from cli.scenarios.stage import Placed, Stage, an_order

SUMMARY = "A and B each hold what the other misses; A's part is released: B completes, A at the next receipt, at once"
EVENTS = (
    *("OrderPlaced", "InventoryReservationFailed", "InventoryReserved", "ApprovalNotRequired", "InvoiceCreated"),
    *("PaymentSucceeded", "OrderConfirmed"),
)


def play(stage: Stage) -> None:
    """2 tables, no chairs yet; A is first, then B is moved ahead, then 2 chairs come."""
    table, chair = stage.item("TABLE", stock=2, cost=8000), stage.item("CHAIR", stock=0, cost=3500)
    first, second = _knot(stage, table, chair)
    stage.note("ops releases what A holds")
    released = stage.ops.post(f"/v1/inventory/backorders/{first.order_id}/release-held", {"comment": "completes B"})
    stage.expect("A after the release", [True, [0, 0]], [released["waits_whole"], _held(released)])
    stage.until_state(second, "CONFIRMED")
    stage.expect("A waits on", "BACKORDERED", stage.order(first)["state"])
    stage.note("2 tables come: A cannot be completed and takes none")
    stage.expect("completed by tables", [], stage.receive(table, 2).get("completed_order_ids", []))
    stage.expect("A holds", [0, 0], _holds(stage, first))
    stage.note("2 chairs come")
    stage.expect("completed by chairs", [first.order_id], stage.receive(chair, 2)["completed_order_ids"])
    stage.until_state(first, "CONFIRMED")
    stage.expect_events(first, *EVENTS, "InventoryReleased")
    stage.expect_events(second, *EVENTS)
    for sku in (table, chair):
        stage.expect_stock(sku, on_hand=4, reserved=4, available=0)
    stage.expect_balanced_books()


def _knot(stage: Stage, table: str, chair: str) -> tuple[Placed, Placed]:
    first = stage.place("A", _both(table, chair))
    stage.until_state(first, "BACKORDERED")
    second = stage.place("B", _both(table, chair))
    stage.until_state(second, "BACKORDERED")
    stage.note("ops moves B ahead")
    stage.ops.post(f"/v1/inventory/backorders/{second.order_id}/prioritize", {"priority": 5, "comment": "promised"})
    stage.expect("queue for chairs", [second.order_id, first.order_id], [row["order_id"] for row in _queue(stage, chair)])
    stage.note("2 chairs come")
    stage.expect("completed", [], stage.receive(chair, 2).get("completed_order_ids", []))
    stage.expect("A and B hold", [[2, 0], [0, 2]], [_holds(stage, first), _holds(stage, second)])
    knot = {row["order_id"]: row["mutual_hold_with"] for sku in (table, chair) for row in _queue(stage, sku)}
    stage.expect("mutual holds", {first.order_id: [second.order_id], second.order_id: [first.order_id]}, knot)
    return first, second


def _both(table: str, chair: str) -> Json:
    order = an_order(table, 2)
    return order | {"lines": order["lines"] + an_order(chair, 2)["lines"]}


def _queue(stage: Stage, sku: str) -> list[Json]:
    return list(stage.reader.pages("/v1/inventory/backorders", "backorders", sku=sku))


def _holds(stage: Stage, placed: Placed) -> list[int]:
    return _held(stage.reader.get(f"/v1/inventory/reservations/{placed.order_id}"))


def _held(reservation: Any) -> list[int]:
    return [line["held"] for line in reservation["lines"]]
