"""Orders of 12,000 EUR: two different people approve one, the other is rejected after it was paid."""

from __future__ import annotations

from collections.abc import Callable

from cli.client import CliProblem, Json
from cli.scenarios import money
from cli.scenarios.stage import Placed, Stage, an_order
from cli.waiting import wait_until

SUMMARY = "two people approve 12,000 EUR; a second order is rejected and refunded"
GRANTED = (
    *("OrderPlaced", "InventoryReserved", "ApprovalRequested", "InvoiceCreated", "PaymentSucceeded"),
    *("ApprovalGranted", "OrderConfirmed"),
)
REJECTED = (
    *("OrderPlaced", "InventoryReserved", "ApprovalRequested", "InvoiceCreated", "PaymentSucceeded", "ApprovalRejected"),
    *("OrderCancelled", "InventoryReleased", "CreditNoteIssued", "RefundRequested", "RefundSucceeded"),
    *("OrderBillingClosed", "OrderCancellationSettled"),
)
PRICE, TOTAL = 125_000, 1_200_000


def play(stage: Stage) -> None:
    """8 desks of 1,250.00 EUR plus 20 % tax, twice."""
    sku = stage.item("DESK", stock=16, cost=8000, price=PRICE)
    _granted(stage, sku)
    _rejected(stage, sku)
    stage.expect_stock(sku, on_hand=16, reserved=8, available=8)
    stage.expect_balanced_books()


def _granted(stage: Stage, sku: str) -> None:
    order = stage.place("granted", an_order(sku, 8, price=PRICE), user="approver2")
    stage.until_state(order, "AWAITING_APPROVAL")
    approval = _open_approval(stage, order)
    stage.expect("steps", ["Approver", "Finance"], [step["role"] for step in approval["steps"]])
    stage.expect("requester approves his own", [403, "SELF_APPROVAL"], _refusal(lambda: _approve(stage, "approver2", approval)))
    stage.note("the approver approves, then finance")
    approval = _approve(stage, "approver", approval)
    _approve(stage, "finance", approval)
    stage.until_state(order, "CONFIRMED")
    stage.expect_events(order, *GRANTED)
    stage.expect_balances(order, a1000=TOTAL, a1100=0, a2000=-200_000, a2300=-1_000_000)


def _rejected(stage: Stage, sku: str) -> None:
    order = stage.place("rejected", an_order(sku, 8, price=PRICE))
    stage.until_state(order, "AWAITING_APPROVAL")
    approval = _approve(stage, "approver2", _open_approval(stage, order))
    stage.expect("one person in both steps", [409, "ALREADY_DECIDED"], _refusal(lambda: _approve(stage, "approver2", approval)))
    stage.note("finance rejects")
    _decide(stage, "finance", approval, "reject", "over the budget of this quarter")
    stage.until_state(order, "CANCELLED")
    cancelled = stage.until_settled(order)
    stage.expect("reason", "APPROVAL_REJECTED", cancelled.get("cancel_reason"))
    stage.expect_soon("invoice", ["CREDITED"], lambda: money.invoices(stage, order))
    stage.expect_soon("refunds", [["SUCCEEDED", TOTAL]], lambda: money.refunds(stage, order))
    stage.expect_events(order, *REJECTED)
    stage.expect_balances(order, a1000=0, a1100=0, a2000=0, a2200=0, a2300=0)


def _open_approval(stage: Stage, order: Placed) -> Json:
    """The order's approval once its first step may be decided."""

    def read() -> list[Json]:
        return list(stage.reader.pages("/v1/approvals", "approvals", order_id=order.order_id))

    def is_open(found: list[Json]) -> bool:
        return bool(found) and found[0]["steps"][0]["state"] == "OPEN"

    return wait_until(read, is_open, what="an open approval")[0]


def _approve(stage: Stage, user: str, approval: Json) -> Json:
    return _decide(stage, user, approval, "approve", "fine")


def _decide(stage: Stage, user: str, approval: Json, verb: str, comment: str) -> Json:
    body = {"comment": comment, "terms_version": approval["terms_version"], "total": approval["total"]}
    decided: Json = stage.client.as_user(user).post(f"/v1/approvals/{approval['approval_id']}/{verb}", body)
    return decided


def _refusal(call: Callable[[], object]) -> list[object]:
    try:
        call()
    except CliProblem as problem:
        return [problem.status, problem.problem_code]
    return [200, ""]
