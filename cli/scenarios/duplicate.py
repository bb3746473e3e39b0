"""One key fifty times at once is one order; every event read again changes nothing."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cli.client import Json
from cli.rewind import rewind_all
from cli.scenarios import books, money
from cli.scenarios.stage import Placed, Stage, an_order

SUMMARY = "one Idempotency-Key 50 times at once; then every consumer reads everything again"
TIMES = 50
EVENTS = (
    *("OrderPlaced", "InventoryReserved", "ApprovalNotRequired", "InvoiceCreated", "PaymentSucceeded"),
    "OrderConfirmed",
)
ACCOUNTS = ["1000", "1100", "2000", "2200", "2300"]


def play(stage: Stage) -> None:
    """The picture of the order is taken before and after the rewind."""
    sku = stage.item("LAMP", stock=100)
    key, body = str(uuid.uuid4()), an_order(sku, 3)
    stage.note(f"the same order {TIMES} times at once, under one key")
    with ThreadPoolExecutor(TIMES) as pool:
        replies = list(pool.map(lambda _: stage.buyer.command("/v1/orders", body, key), range(TIMES)))
    stage.expect("answers", [201], sorted({reply.status for reply in replies}))
    stage.expect("orders", 1, len({reply.body["order_id"] for reply in replies}))
    stage.expect("of these replays", TIMES - 1, sum(reply.is_replay for reply in replies))
    order = stage.watch("order", replies[0].body)
    stage.until_state(order, "CONFIRMED")
    stage.expect_events(order, *EVENTS)
    stage.expect_soon("timeline", "CONFIRMED", lambda: _timeline(stage, order)["state"])
    stage.expect_stock(sku, on_hand=100, reserved=3, available=97)
    stage.expect_balances(order, a1000=7196, a1100=0)
    before = _picture(stage, order, sku)
    read = rewind_all(stage.client)
    stage.note(f"every consumer is back at offset 0 and has read {sum(read.values())} messages again")
    stage.expect_soon("after reading everything again", before, lambda: _picture(stage, order, sku))
    stage.expect_balanced_books()


def _picture(stage: Stage, order: Placed, sku: str) -> dict[str, Any]:
    """All that a second effect would change."""
    now = stage.order(order)
    item = stage.reader.get(f"/v1/inventory/items/{sku}")
    return {
        "state": now["state"],
        "version": now["version"],
        "events": len(_timeline(stage, order)["steps"]),
        "item version": item["version"],
        "payments": money.payments(stage, order),
        "balances": list(books.balances(stage.reader, order.order_id, ACCOUNTS).values()),
    }


def _timeline(stage: Stage, order: Placed) -> Json:
    found: Json = stage.reader.get(f"/v1/orders/{order.order_id}/timeline")
    return found
