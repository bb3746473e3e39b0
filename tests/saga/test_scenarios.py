"""The scenarios of the walking order and the races around them: once in order, then shuffled and with repeats."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing_svc.domain.provider_call import Outcome
from billing_svc.fake_provider import Fault
from chassis.command_handling import run_commands
from inventory_svc.domain.reservation import State as Held
from tests.saga import people
from tests.saga.databases import Databases
from tests.saga.ledger import trial_balance
from tests.saga.office import Call
from tests.saga.scene import staged
from workflow_svc.domain.errors import SelfApproval, VotedBefore

MOODS = pytest.mark.parametrize("mood", [None, 1], ids=["in order", "shuffled"])

HAPPY = {
    "order-svc": ["OrderPlaced", "OrderConfirmed", "OrderFulfilled"],
    "inventory-svc": ["InventoryReserved", "StockShipped"],
    "billing-svc": ["InvoiceCreated", "PaymentSucceeded"],
    "workflow-svc": ["ApprovalNotRequired"],
}
SETTLED = ("CANCELLED", "RELEASED", "CREDITED", "REFUNDED", "NOT_REQUIRED", "SETTLED")


@MOODS
def test_a_happy_order_is_confirmed_shipped_and_earned(databases: Databases, mood: int | None) -> None:
    with staged(databases, "happy", mood) as scene:
        scene.item(stock=10)
        order_id = scene.place(3)
        assert scene.shows(order_id) == ("CONFIRMED", "RESERVED", "PAID", "PAID", "NOT_REQUIRED")
        assert scene.stock() == (10, 3)
        scene.do(people.ship(order_id), people.CLERK)
        assert scene.shows(order_id)[0] == "FULFILLED"
        assert scene.stock() == (7, 0)
        assert scene.told(order_id) == HAPPY
        assert scene.of(order_id).balances == {"1000": 3_600, "2000": -600, "4000": -3_000, "1200": -2_100, "5000": 2_100}
        assert set(trial_balance(scene.services).values()) == {0}


@MOODS
def test_an_order_is_shipped_in_parts_and_each_earns_its_share(databases: Databases, mood: int | None) -> None:
    with staged(databases, "parts", mood) as scene:
        scene.item(stock=10)
        order_id = scene.place(3)
        scene.do(people.ship(order_id, (1, 1)), people.CLERK)
        assert scene.shows(order_id)[0] == "PARTIALLY_FULFILLED"
        assert scene.stock() == (9, 2)
        money, goods = {"1000": 3_600, "2000": -600, "2300": -2_000, "4000": -1_000}, {"1200": -700, "5000": 700}
        assert scene.of(order_id).balances == money | goods
        scene.do(people.ship(order_id), people.CLERK)
        assert scene.shows(order_id)[0] == "FULFILLED"
        assert scene.stock() == (7, 0)
        assert scene.of(order_id).balances == {"1000": 3_600, "2000": -600, "4000": -3_000, "1200": -2_100, "5000": 2_100}
        assert scene.told(order_id)["inventory-svc"][-2:] == ["StockShipped", "StockShipped"]


@MOODS
@pytest.mark.parametrize("refuses", [False, True], ids=["refunded", "refund refused"])
def test_what_remains_is_cancelled_credited_and_given_back(databases: Databases, mood: int | None, refuses: bool) -> None:
    """23.90 x 10, 25 % off, 20 % tax: 179.25 and 35.85; 3 and 4 are shipped, 3 are cancelled and carry the rest."""
    with staged(databases, f"short-{refuses}", mood) as scene:
        scene.item(stock=12)
        order_id = scene.place(10, price=2_390, discount=2_500)
        waiting = scene.place(4)
        scene.do(people.ship(order_id, (1, 3)), people.CLERK)
        scene.do(people.ship(order_id, (1, 4)), people.CLERK)
        assert scene.shows(waiting)[0] == "BACKORDERED"
        scene.services.provider.sandbox.refuses_refunds = refuses
        scene.do(people.close(order_id), people.CLERK)
        assert scene.shows(order_id) == (
            "FULFILLED",
            "RESERVED",
            "PAID",
            "PAID",
            "NOT_REQUIRED",
            "FAILED" if refuses else "SETTLED",
        )
        assert scene.shows(waiting)[0] == "CONFIRMED"
        assert scene.stock() == (5, 4)
        kept = {"2000": -2_510, "4000": -12_548, "1200": -4_900, "5000": 4_900}
        cash = {"1000": 21_510, "2200": -6_452} if refuses else {"1000": 15_058}
        assert scene.of(order_id).balances == kept | cash
        assert scene.told(order_id)["inventory-svc"][-1] == "InventoryReleased"
        closing = [
            "CreditNoteIssued",
            "RefundRequested",
            "RefundFailed" if refuses else "RefundSucceeded",
            "OrderBillingClosed",
        ]
        assert scene.told(order_id)["billing-svc"][-4:] == closing


@MOODS
def test_an_order_over_the_limit_needs_two_different_people(databases: Databases, mood: int | None) -> None:
    with staged(databases, "approval", mood) as scene:
        scene.item(stock=10)
        order_id = scene.place(10, price=100_000, by=people.BUYER_WHO_APPROVES)
        assert scene.shows(order_id) == ("AWAITING_APPROVAL", "RESERVED", "PAID", "PAID", "PENDING")
        approval = scene.approval(order_id)
        with pytest.raises(SelfApproval):
            scene.do(people.approve(*approval), people.BUYER_WHO_APPROVES)
        scene.do(people.approve(*approval), people.SECOND_APPROVER)
        with pytest.raises(VotedBefore):
            scene.do(people.approve(*approval), people.SECOND_APPROVER)
        assert scene.shows(order_id)[0] == "AWAITING_APPROVAL"
        scene.office.waiting.clear()
        scene.do(people.approve(*approval), people.FINANCE)
        assert scene.shows(order_id) == ("CONFIRMED", "RESERVED", "PAID", "PAID", "GRANTED")
        assert scene.told(order_id)["workflow-svc"] == ["ApprovalRequested", "ApprovalGranted"]


@MOODS
def test_a_rejected_order_is_refunded_and_settled(databases: Databases, mood: int | None) -> None:
    with staged(databases, "rejected", mood) as scene:
        scene.item(stock=10)
        order_id = scene.place(10, price=100_000)
        scene.do(people.reject(*scene.approval(order_id)), people.APPROVER)
        assert scene.shows(order_id) == ("CANCELLED", "RELEASED", "CREDITED", "REFUNDED", "REJECTED", "SETTLED")
        assert scene.of(order_id).order.cancel_reason == "APPROVAL_REJECTED"
        assert scene.of(order_id).balances == {}
        assert scene.stock() == (10, 0)
        refunds = ["CreditNoteIssued", "RefundRequested", "RefundSucceeded", "OrderBillingClosed"]
        assert scene.told(order_id)["billing-svc"] == ["InvoiceCreated", "PaymentSucceeded", *refunds]


@MOODS
def test_backorders_are_served_first_come_first_served(databases: Databases, mood: int | None) -> None:
    with staged(databases, "backorder", mood) as scene:
        scene.item(stock=6)
        first = scene.place(8)
        assert scene.shows(first)[:2] == ("BACKORDERED", "BACKORDERED")
        second = scene.place(5)
        assert [scene.shows(order)[0] for order in (first, second)] == ["BACKORDERED", "BACKORDERED"]
        scene.receive(4)
        assert [scene.shows(order)[0] for order in (first, second)] == ["CONFIRMED", "BACKORDERED"]
        assert scene.stock() == (10, 10)
        scene.receive(5)
        assert [scene.shows(order)[0] for order in (first, second)] == ["CONFIRMED", "CONFIRMED"]
        assert scene.stock() == (15, 13)
        assert scene.told(second)["inventory-svc"] == ["InventoryReservationFailed", "InventoryReserved"]


@MOODS
def test_a_declined_payment_waits_for_a_person_and_cancels_without_a_trace(databases: Databases, mood: int | None) -> None:
    with staged(databases, "declined", mood) as scene:
        scene.item(stock=3)
        order_id = scene.place(3, method="pm_declined_hard")
        assert scene.shows(order_id) == ("PAYMENT_FAILED", "RESERVED", "OPEN", "FAILED", "NOT_REQUIRED")
        scene.do(people.cancel(order_id), people.BUYER)
        assert scene.shows(order_id) == ("CANCELLED", "RELEASED", "VOID", "FAILED", "NOT_REQUIRED", "SETTLED")
        assert scene.stock() == (3, 0)
        assert scene.of(order_id).balances == {}
        assert scene.told(order_id)["billing-svc"] == ["InvoiceCreated", "PaymentFailed", "InvoiceVoided", "OrderBillingClosed"]


@MOODS
def test_a_cancel_while_backordered_gives_the_part_to_the_next(databases: Databases, mood: int | None) -> None:
    with staged(databases, "cancel-backordered", mood) as scene:
        scene.item(stock=6)
        first, second = scene.place(8), scene.place(5)
        scene.do(people.cancel(first), people.BUYER)
        assert scene.shows(first) == ("CANCELLED", "RELEASED", "AWAITED", "AWAITED", "NOT_REQUIRED", "SETTLED")
        assert scene.shows(second)[0] == "CONFIRMED"
        assert scene.stock() == (6, 5)


@MOODS
def test_a_cancel_after_the_payment_gives_everything_back(databases: Databases, mood: int | None) -> None:
    with staged(databases, "cancel-paid", mood) as scene:
        scene.item(stock=6)
        order_id = scene.place(6)
        scene.do(people.cancel(order_id), people.BUYER)
        assert scene.shows(order_id) == SETTLED
        assert scene.of(order_id).balances == {}
        assert scene.stock() == (6, 0)
        refund = next(iter(scene.services.provider.sandbox.refunds.values()))
        assert refund.amount.minor_units == 7_200


@MOODS
def test_one_key_fifty_times_at_once_is_one_order(databases: Databases, mood: int | None) -> None:
    with staged(databases, "duplicate", mood) as scene:
        scene.item(stock=5)
        call = scene.office.ask(people.order(scene.customer, "pm_ok", people.line(scene.sku, 1)), people.BUYER)
        together = [call.command_call() for _ in range(50)]
        answers = run_commands(scene.services["order"].service, together)
        assert len({answer.response.order.order_id for answer in answers}) == 1  # type: ignore[union-attr]
        assert [answer.replayed for answer in answers].count(False) == 1
        scene.office.send_all()
        scene.rest()
        assert scene.stock() == (5, 1)


@MOODS
def test_reading_everything_again_changes_nothing(databases: Databases, mood: int | None) -> None:
    with staged(databases, "rewound", mood) as scene:
        scene.item(stock=9)
        shipped, cancelled, failed = scene.place(2), scene.place(3), scene.place(1, method="pm_declined_hard")
        scene.do(people.ship(shipped), people.CLERK)
        scene.do(people.cancel(cancelled), people.BUYER)
        before = [scene.of(order) for order in (shipped, cancelled, failed)], scene.stock(), len(scene.told(shipped))
        scene.rewind()
        assert ([scene.of(order) for order in (shipped, cancelled, failed)], scene.stock(), len(scene.told(shipped))) == before


@MOODS
def test_an_unknown_item_cancels_and_settles_by_itself(databases: Databases, mood: int | None) -> None:
    with staged(databases, "unknown", mood) as scene:
        order_id = scene.place(1)
        assert scene.shows(order_id) == ("CANCELLED", "UNKNOWN_ITEM", "AWAITED", "AWAITED", "NOT_REQUIRED", "SETTLED")
        assert scene.of(order_id).held.state is Held.REJECTED


@MOODS
def test_an_order_for_nothing_needs_no_payment(databases: Databases, mood: int | None) -> None:
    with staged(databases, "free", mood) as scene:
        scene.item(stock=1, cost=0)
        order_id = scene.place(1, price=0)
        assert scene.shows(order_id) == ("CONFIRMED", "RESERVED", "PAID", "PAID", "NOT_REQUIRED")
        assert scene.services.provider.sandbox.charged(order_id) == []
        scene.do(people.cancel(order_id), people.BUYER)
        assert scene.shows(order_id)[0] == "CANCELLED"
        assert scene.shows(order_id)[-1] == "SETTLED"


@MOODS
def test_a_charge_that_arrives_after_the_cancel_is_given_back(databases: Databases, mood: int | None) -> None:
    with staged(databases, "late", mood) as scene:
        scene.item(stock=2)
        call = scene.office.ask(people.order(scene.customer, "pm_ok", people.line(scene.sku, 2)), people.BUYER)
        scene.services.provider.sandbox.inject(Fault.LOST_ANSWER)
        scene.services.provider.interlude = lambda order_id: _cancel_once(scene.office.answered, scene.office.now, order_id)
        scene.office.send_all()
        scene.rest()
        order_id = call.response.order.order_id
        assert scene.shows(order_id) == ("CANCELLED", "RELEASED", "VOID", "REFUNDED", "NOT_REQUIRED", "SETTLED")
        assert scene.of(order_id).balances == {}
        assert scene.services.provider.sandbox.intents[scene.of(order_id).account.attempts[0].payment_id].outcome is (
            Outcome.SUCCEEDED
        )


def _cancel_once(answered: list[Call], now: object, order_id: str) -> None:
    if not any(getattr(call.request, "order_id", "") == order_id for call in answered):
        now(people.cancel(order_id), people.BUYER)  # type: ignore[operator]  # Office.now


@MOODS
def test_a_refund_that_fails_stays_owed(databases: Databases, mood: int | None) -> None:
    with staged(databases, "refused-refund", mood) as scene:
        scene.item(stock=2)
        order_id = scene.place(2)
        scene.services.provider.sandbox.refuses_refunds = True
        scene.do(people.cancel(order_id), people.BUYER)
        assert scene.shows(order_id) == ("CANCELLED", "RELEASED", "CREDITED", "PAID", "NOT_REQUIRED", "FAILED")
        assert scene.of(order_id).balances == {"1000": 2_400, "2200": -2_400}


@MOODS
def test_a_provider_that_is_away_for_long_ends_in_a_failed_payment(databases: Databases, mood: int | None) -> None:
    with staged(databases, "away", mood) as scene:
        scene.item(stock=2)
        scene.services.provider.go_away(timedelta(minutes=5))
        order_id = scene.place(2)
        assert scene.shows(order_id) == ("PAYMENT_FAILED", "RESERVED", "OPEN", "FAILED", "NOT_REQUIRED")
        assert scene.services.provider.sandbox.charged(order_id) == []
