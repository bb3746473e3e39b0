"""The races of domain.md about money, by their number: in order, then with every delivery shuffled and repeated.

Whatever the provider tells by himself is carried to billing beside what he answers; whoever comes first wins. Race 5 is in
`test_races.py`, races 7 and 11 with the provider as a process of his own are in `tests/system/test_money_races.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from billing_svc.domain.invoice import InvoiceState
from billing_svc.domain.order_account import OrderAccount
from billing_svc.domain.payment import Attempt, PaymentState
from billing_svc.domain.provider_call import Outcome
from billing_svc.domain.refund import RefundReason, RefundState
from billing_svc.fake_methods import told_of_payment
from chassis.money import Money
from tests.saga import people
from tests.saga.databases import Databases
from tests.saga.scene import Scene, staged

MOODS = pytest.mark.parametrize("mood", [None, pytest.param(1, marks=pytest.mark.full)], ids=["in order", "shuffled"])
DEAR = 100_000
CONFIRMED = ("CONFIRMED", "RESERVED", "PAID", "PAID", "NOT_REQUIRED")
PAID = {"1000": 2_400, "2000": -400, "2300": -2_000}


def _account(scene: Scene, order_id: str) -> OrderAccount:
    return scene.of(order_id).account


def _attempt(scene: Scene, order_id: str, place: int = 0) -> Attempt:
    return _account(scene, order_id).attempts[place]


def _invoice(scene: Scene, order_id: str) -> InvoiceState:
    invoice = _account(scene, order_id).invoice
    assert invoice
    return invoice.state


def _placed(scene: Scene, method: str) -> str:
    """Place an order for two, and let everything happen that needs no time to pass."""
    call = scene.office.ask(people.order(scene.customer, method, people.line(scene.sku, 2)), people.BUYER)
    scene.office.send_all()
    scene.pump()
    return str(call.response.order.order_id)


def _charges(scene: Scene, order_id: str) -> int:
    """How often the provider took money for an order."""
    intents = scene.services.provider.sandbox.intents.values()
    mine = [it for it in intents if it.question is not None and it.question.order_id == order_id]
    return sum(it.outcome is Outcome.SUCCEEDED for it in mine)


def _turns_out_paid(scene: Scene, order_id: str, place: int = 0) -> None:
    """The provider tells that an attempt succeeded, whatever he said of it before; then everything happens that follows."""
    sandbox, key = scene.services.provider.sandbox, _attempt(scene, order_id, place).payment_id
    intent = sandbox.intents[key] = replace(sandbox.intents[key], outcome=Outcome.SUCCEEDED, decline_kind=None)
    sandbox.told += [
        replace(told, message_id=f"{told.message_id}_late", due_time=scene.services.clock.now())
        for told in told_of_payment(key, intent)
    ]
    scene.rest()


@pytest.mark.parametrize(
    ("method", "state", "comes"),
    [
        ("pm_ok", PaymentState.INITIATED, False),
        ("pm_slow", PaymentState.PENDING, False),
        ("pm_timeout_then_ok", PaymentState.UNKNOWN, True),
        ("pm_timeout_then_declined", PaymentState.UNKNOWN, False),
        ("pm_lost_then_arrives", PaymentState.UNKNOWN, False),
    ],
)
@MOODS
def test_race_6_cancel_while_an_attempt_is_open(
    databases: Databases, mood: int | None, method: str, state: PaymentState, comes: bool
) -> None:
    with staged(databases, f"race-6-{method.replace('_', '-')}", mood) as scene:
        scene.item(stock=2)
        if state is PaymentState.INITIATED:
            scene.services.provider.go_away(timedelta(minutes=5))
        order_id = _placed(scene, method)
        assert _attempt(scene, order_id).state is state
        scene.office.now(people.cancel(order_id), people.BUYER)
        scene.publish()
        assert _invoice(scene, order_id) is InvoiceState.CANCEL_REQUESTED
        scene.rest()
        assert (_invoice(scene, order_id), scene.of(order_id).balances) == (InvoiceState.VOID, {})
        assert (scene.shows(order_id)[0], scene.shows(order_id)[-1]) == ("CANCELLED", "SETTLED")
        assert _charges(scene, order_id) == comes
        assert [refund.reason for refund in _account(scene, order_id).refunds] == comes * [RefundReason.UNAPPLIED_CASH]
        calls = [q.call for q in scene.services.provider.sandbox.charged(order_id)]
        assert len(calls) == (0 if state is PaymentState.INITIATED else 1), "nothing is sent again for a cancelled order"


@MOODS
def test_race_7_money_that_comes_after_the_cancel_goes_back_and_settles_it_anew(databases: Databases, mood: int | None) -> None:
    with staged(databases, "race-7", mood) as scene:
        scene.item(stock=2)
        order_id = scene.place(2, method="pm_declined_hard")
        scene.do(people.cancel(order_id), people.BUYER)
        assert scene.shows(order_id)[-1] == "SETTLED"
        _turns_out_paid(scene, order_id)
        assert (scene.shows(order_id)[0], scene.shows(order_id)[-1]) == ("CANCELLED", "SETTLED")
        closing = _account(scene, order_id).closing
        assert closing
        assert (closing.revision, closing.received, closing.refunded) == (2, (Money("EUR", 2_400),), (Money("EUR", 2_400),))
        assert scene.of(order_id).balances == {}
        assert scene.told(order_id)["order-svc"].count("OrderConfirmed") == 0


@MOODS
def test_race_8_a_success_beats_the_failure_of_the_same_attempt(databases: Databases, mood: int | None) -> None:
    with staged(databases, "race-8", mood) as scene:
        scene.item(stock=2)
        order_id = scene.place(2, method="pm_declined_hard")
        assert scene.shows(order_id)[0] == "PAYMENT_FAILED"
        _turns_out_paid(scene, order_id)
        assert (scene.shows(order_id), scene.of(order_id).balances) == (CONFIRMED, PAID)
        assert _attempt(scene, order_id).state is PaymentState.SUCCEEDED


@MOODS
def test_race_9_a_late_failure_changes_nothing_and_is_noted(databases: Databases, mood: int | None) -> None:
    with staged(databases, "race-9", mood) as scene:
        scene.item(stock=2)
        order_id = scene.place(2, method="pm_late_failure_after_success")
        assert (scene.shows(order_id), scene.of(order_id).balances) == (CONFIRMED, PAID)
        assert _attempt(scene, order_id).has_late_failure
        assert "PaymentFailed" not in scene.told(order_id)["billing-svc"]


@MOODS
def test_race_10_of_two_attempts_that_succeed_one_pays(databases: Databases, mood: int | None) -> None:
    with staged(databases, "race-10-two", mood) as scene:
        scene.item(stock=2)
        order_id = scene.place(2, method="pm_declined_hard")
        scene.do(people.pay(_account(scene, order_id).invoice.invoice_id, "pm_ok"), people.FINANCE)  # type: ignore[union-attr]
        assert scene.shows(order_id) == CONFIRMED
        _turns_out_paid(scene, order_id)
        (refund,) = _account(scene, order_id).refunds
        assert (refund.payment_id, refund.reason) == (_attempt(scene, order_id).payment_id, RefundReason.UNAPPLIED_CASH)
        assert (scene.shows(order_id), scene.of(order_id).balances) == (CONFIRMED, PAID)
        assert _charges(scene, order_id) == 2


@MOODS
def test_race_10_half_of_the_money_confirms_nothing_until_the_rest_comes(databases: Databases, mood: int | None) -> None:
    with staged(databases, "race-10-short", mood) as scene:
        scene.item(stock=2)
        order_id = scene.place(2, method="pm_wrong_amount")
        account = _account(scene, order_id)
        assert (scene.shows(order_id)[0], _invoice(scene, order_id)) == ("PAYMENT_FAILED", InvoiceState.PARTIALLY_PAID)
        assert account.attempts[0].exception_id
        assert account.refunds == ()
        scene.do(people.pay(account.invoice.invoice_id, "pm_ok"), people.FINANCE)  # type: ignore[union-attr]
        assert (scene.shows(order_id), scene.of(order_id).balances) == (CONFIRMED, PAID)


@MOODS
def test_race_10_another_currency_goes_back_in_it(databases: Databases, mood: int | None) -> None:
    with staged(databases, "race-10-currency", mood) as scene:
        scene.item(stock=2)
        order_id = scene.place(2, method="pm_wrong_currency")
        account = _account(scene, order_id)
        assert (scene.shows(order_id)[0], _invoice(scene, order_id)) == ("PAYMENT_FAILED", InvoiceState.OPEN)
        assert [(r.amount, r.state) for r in account.refunds] == [(Money("USD", 2_400), RefundState.SUCCEEDED)]
        assert account.attempts[0].exception_id


@pytest.mark.parametrize(
    ("method", "shown"), [("pm_timeout_then_ok", "CONFIRMED"), ("pm_timeout_then_declined", "PAYMENT_FAILED")]
)
@MOODS
def test_race_11_after_a_timeout_it_is_asked_for_and_never_charged_again(
    databases: Databases, mood: int | None, method: str, shown: str
) -> None:
    with staged(databases, f"race-11-{method.replace('_', '-')}", mood) as scene:
        scene.item(stock=2)
        order_id = _placed(scene, method)
        assert (scene.shows(order_id)[0], _attempt(scene, order_id).state) == ("AWAITING_PAYMENT", PaymentState.UNKNOWN)
        scene.rest()
        assert scene.shows(order_id)[0] == shown
        assert len(scene.services.provider.sandbox.charged(order_id)) == 1


@MOODS
def test_race_11_a_charge_that_was_lost_is_sent_again_and_arrives_once(databases: Databases, mood: int | None) -> None:
    with staged(databases, "race-11-lost", mood) as scene:
        scene.item(stock=2)
        order_id = scene.place(2, method="pm_lost_then_arrives")
        assert (scene.shows(order_id), scene.of(order_id).balances) == (CONFIRMED, PAID)
        assert (_charges(scene, order_id), len(_account(scene, order_id).attempts)) == (1, 1)


@MOODS
def test_race_11_a_provider_that_is_down_was_never_paid(databases: Databases, mood: int | None) -> None:
    with staged(databases, "race-11-down", mood) as scene:
        scene.item(stock=2)
        order_id = scene.place(2, method="pm_down")
        attempt = _attempt(scene, order_id)
        assert (attempt.state, attempt.exception_id is None) == (PaymentState.NOT_ATTEMPTED, False)
        assert len(scene.services.provider.sandbox.charged(order_id)) == 6, "once, and five times again"
        assert (scene.shows(order_id)[0], _charges(scene, order_id)) == ("PAYMENT_FAILED", 0)


@MOODS
def test_race_13_a_rejection_after_the_payment_gives_it_back(databases: Databases, mood: int | None) -> None:
    with staged(databases, "race-13", mood) as scene:
        scene.item(stock=2)
        order_id = scene.place(1, price=DEAR)
        assert scene.shows(order_id)[0] == "AWAITING_APPROVAL"
        scene.do(people.reject(*scene.approval(order_id)), people.APPROVER)
        assert scene.shows(order_id) == ("CANCELLED", "RELEASED", "CREDITED", "REFUNDED", "REJECTED", "SETTLED")
        assert (scene.stock(), scene.of(order_id).balances) == ((2, 0), {})


@MOODS
def test_race_21_a_refund_that_fails_stays_owed_until_it_is_tried_again(databases: Databases, mood: int | None) -> None:
    with staged(databases, "race-21", mood) as scene:
        scene.item(stock=2)
        order_id = scene.place(2, method="pm_refund_fails")
        scene.do(people.cancel(order_id), people.BUYER)
        (refund,) = _account(scene, order_id).refunds
        assert (refund.state, refund.failures) == (RefundState.FAILED, 6)
        assert (scene.shows(order_id)[-1], scene.of(order_id).balances) == ("FAILED", {"1000": 2_400, "2200": -2_400})
        scene.do(people.retry(refund.refund_id), people.FINANCE)
        assert (scene.shows(order_id)[-1], scene.of(order_id).balances) == ("SETTLED", {})
        assert scene.told(order_id)["billing-svc"].count("OrderBillingClosed") == 2


@MOODS
def test_a_voided_invoice_cancels_its_order(databases: Databases, mood: int | None) -> None:
    with staged(databases, "void", mood) as scene:
        scene.item(stock=2)
        order_id = scene.place(2, method="pm_declined_hard")
        scene.do(people.void(_account(scene, order_id).invoice.invoice_id), people.FINANCE)  # type: ignore[union-attr]
        assert scene.of(order_id).order.cancel_reason == "INVOICE_VOIDED"
        assert (scene.shows(order_id)[0], scene.shows(order_id)[-1]) == ("CANCELLED", "SETTLED")
        assert (scene.stock(), scene.of(order_id).balances) == ((2, 0), {})


@MOODS
def test_soft_declines_are_tried_again_until_one_pays(databases: Databases, mood: int | None) -> None:
    with staged(databases, "soft", mood) as scene:
        scene.item(stock=2)
        began = scene.services.clock.now()
        order_id = scene.place(2, method="pm_soft_twice_then_ok")
        assert (scene.shows(order_id), scene.of(order_id).balances) == (CONFIRMED, PAID)
        assert [attempt.number for attempt in _account(scene, order_id).attempts] == [1, 2, 3]
        assert scene.services.clock.now() - began >= timedelta(days=1)
