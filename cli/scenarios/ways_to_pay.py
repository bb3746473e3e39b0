"""Every way in which a payment can go, each with a payment method of the sandbox that goes that way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cli.clock import move
from cli.scenarios import money
from cli.scenarios.stage import Placed, Stage, an_order

SUMMARY = "payments that time out, are lost, come twice, in part or in another currency; refunds that fail: each ends right"
SECONDS = 60.0
HOUR, DAY = 3_600, 86_400
SOFT = (HOUR, DAY - HOUR, 2 * DAY)
"""What to move the clock by, so that each of the further attempts is due."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a payment goes: the order's state at its end, its invoice, its attempts, and what is left on 1000 for it.

    `act` is what people do meanwhile. `after` is the settlement, where the order is cancelled.
    """

    state: str
    invoice: str
    attempts: tuple[str, ...]
    clearing: int
    act: Callable[[Stage, Placed], None] = lambda stage, placed: None
    after: str = ""


def _days_pass(stage: Stage, placed: Placed) -> None:
    """Let each further attempt become due, until the payment succeeded or none follows."""
    for number, seconds in enumerate(SOFT, start=1):
        stage.expect_soon(f"{placed.label}: attempts", number, lambda: len(money.payments(stage, placed)))
        if "SUCCEEDED" in money.payments(stage, placed):
            return
        stage.until(placed, lambda: all(state == "DECLINED" for state in money.payments(stage, placed)), "its decline")
        move(stage.ops, seconds)
        stage.note(f"{seconds // HOUR} h pass")


def _is_contradicted(stage: Stage, placed: Placed) -> None:
    """Wait for the failure that the provider reports after the success."""
    stage.until(placed, lambda: money.anomalies(stage, placed) == ["LATE_FAILURE"], "the late failure")


def _is_cancelled(stage: Stage, placed: Placed) -> None:
    stage.until_state(placed, "CONFIRMED")
    stage.note("the buyer cancels")
    stage.buyer.post(f"/v1/orders/{placed.order_id}/cancel", {"reason": "CUSTOMER_REQUEST"})


def _is_cancelled_and_tried_again(stage: Stage, placed: Placed) -> None:
    """The refund fails in every try and stays owed, until somebody tries again."""
    _is_cancelled(stage, placed)
    stage.until_settled(placed, "FAILED", SECONDS)
    stage.expect_balances(placed, a2200=-placed.total["minor_units"])
    (refund,) = stage.reader.pages("/v1/refunds", "refunds", order_id=placed.order_id, state="FAILED")
    stage.expect_soon(f"{placed.label}: listed as stuck", True, lambda: _is_stuck(stage, placed))
    stage.note("finance tries the refund again")
    stage.finance.post(f"/v1/refunds/{refund['refund_id']}/retry", {})
    stage.until_settled(placed, "SETTLED", SECONDS)
    stage.expect_soon(f"{placed.label}: listed as stuck", False, lambda: _is_stuck(stage, placed))


def _is_stuck(stage: Stage, placed: Placed) -> bool:
    listed = stage.reader.pages("/v1/reports/order-summary", "rows", settlement="FAILED")
    return placed.order_id in [row["order_id"] for row in listed]


PAID, DECLINED = ("CONFIRMED", "PAID", ("SUCCEEDED",)), ("PAYMENT_FAILED", "OPEN", ("DECLINED",))
WHOLE, HALF = 2_399, 1_199
WAYS: dict[str, Way] = {
    "pm_ok": Way(*PAID, WHOLE),
    "pm_slow": Way(*PAID, WHOLE),
    "pm_declined_soft": Way("PAYMENT_FAILED", "OPEN", 4 * ("DECLINED",), 0, _days_pass),
    "pm_soft_twice_then_ok": Way("CONFIRMED", "PAID", ("DECLINED", "DECLINED", "SUCCEEDED"), WHOLE, _days_pass),
    "pm_declined_hard": Way(*DECLINED, 0),
    "pm_timeout_then_ok": Way(*PAID, WHOLE),
    "pm_timeout_then_declined": Way(*DECLINED, 0),
    "pm_down": Way("PAYMENT_FAILED", "OPEN", ("NOT_ATTEMPTED",), 0),
    "pm_lost_then_arrives": Way(*PAID, WHOLE),
    "pm_duplicate_webhooks": Way(*PAID, WHOLE),
    "pm_late_failure_after_success": Way(*PAID, WHOLE, _is_contradicted),
    "pm_wrong_amount": Way("PAYMENT_FAILED", "PARTIALLY_PAID", ("SUCCEEDED",), HALF),
    "pm_wrong_currency": Way("PAYMENT_FAILED", "OPEN", ("SUCCEEDED",), 0),
    "pm_refund_fails": Way("CANCELLED", "CREDITED", ("SUCCEEDED",), 0, _is_cancelled_and_tried_again, "SETTLED"),
    "pm_refund_slow": Way("CANCELLED", "CREDITED", ("SUCCEEDED",), 0, _is_cancelled, "SETTLED"),
}
QUICK = ("pm_timeout_then_ok", "pm_lost_then_arrives", "pm_duplicate_webhooks", "pm_wrong_amount", "pm_wrong_currency")
"""Those that `atlas demo` plays with everything else; the others take longer, or move the clock."""


def play(stage: Stage, methods: Sequence[str] = QUICK) -> None:
    """One lamp is ordered for each method, all at once; then each is followed to its end."""
    sku = stage.item("LAMP", stock=len(methods))
    placed = {method: stage.place(method, an_order(sku, 1, method=method)) for method in methods}
    for method, order in placed.items():
        _follow(stage, order, WAYS[method])
    stage.expect_soon("reconciled with the provider", [], lambda: money.differences(stage))
    stage.expect_balanced_books()


def _follow(stage: Stage, placed: Placed, way: Way) -> None:
    way.act(stage, placed)
    stage.until_state(placed, way.state, SECONDS)
    if way.after:
        stage.until_settled(placed, way.after, SECONDS)
    stage.expect_soon(f"{placed.label}: invoice", [way.invoice], lambda: money.invoices(stage, placed))
    stage.expect(f"{placed.label}: attempts", sorted(way.attempts), sorted(money.payments(stage, placed)))
    stage.expect_balances(placed, a1000=way.clearing, a2200=0)
