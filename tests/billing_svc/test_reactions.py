"""Billing through its own front door: events in, the provider asked, events out, books closed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from atlas.billing.v1 import billing_events_pb2 as billing
from atlas.billing.v1 import invoice_pb2, payment_events_pb2
from billing_svc.domain.invoice import InvoiceState
from billing_svc.domain.payment import PaymentState
from billing_svc.domain.provider_call import RETRIES, Call
from billing_svc.fake_provider import Fault
from billing_svc.provider import PaymentQuestion
from tests.billing_svc.builders import (
    inventory_reserved,
    order_cancelled,
    order_fulfilled,
    order_placed,
    order_shipped_in_parts,
    stock_adjusted,
    stock_received,
    stock_shipped,
)
from tests.billing_svc.till import Till, new_order_id

PAID = {"1000": 3_600, "2000": -600, "2300": -3_000}


def _calls(till: Till, order_id: str) -> list[Call]:
    return [q.call for q in till.provider.calls if isinstance(q, PaymentQuestion) and q.order_id == order_id]


@pytest.mark.parametrize("placed_first", [True, False])
def test_the_invoice_is_issued_and_paid_whichever_fact_comes_last(till: Till, placed_first: bool) -> None:
    order_id = new_order_id()
    facts = [order_placed(order_id), inventory_reserved(order_id)]
    till.read(facts[0 if placed_first else 1])
    assert till.names(order_id) == []
    till.settle(facts[1 if placed_first else 0])
    assert till.names(order_id) == ["InvoiceCreated", "PaymentSucceeded"]
    succeeded = till.last(order_id, payment_events_pb2.PaymentSucceeded)
    assert succeeded.invoice_state == invoice_pb2.INVOICE_STATE_PAID
    assert (succeeded.amount.minor_units, succeeded.outstanding.minor_units) == (3_600, 0)
    assert till.balances(order_id) == PAID
    assert till.findings() == []


def test_a_paid_and_shipped_order_earns_its_revenue_and_costs(till: Till) -> None:
    order_id, fulfillment_id = new_order_id(), new_order_id()
    till.settle(order_placed(order_id), inventory_reserved(order_id))
    shipped, fulfilled = stock_shipped(order_id, fulfillment_id), order_fulfilled(order_id, fulfillment_id)
    till.settle(fulfilled, shipped, fulfilled, shipped)
    assert till.balances(order_id) == {"1000": 3_600, "1200": -1_500, "2000": -600, "4000": -3_000, "5000": 1_500}
    assert till.journals(order_id) == ["INVOICE", "PAYMENT", "REVENUE", "SHIPMENT"]
    assert till.findings() == []


def test_each_part_of_a_shipment_earns_its_share(till: Till) -> None:
    order_id = new_order_id()
    first, last = order_shipped_in_parts(order_id, new_order_id(), new_order_id())
    till.settle(order_placed(order_id), inventory_reserved(order_id), first, first)
    assert (till.balances(order_id)["2300"], till.balances(order_id)["4000"]) == (-2_000, -1_000)
    assert till.findings() == []
    till.settle(last, first, last)
    assert till.balances(order_id) == {"1000": 3_600, "2000": -600, "4000": -3_000}
    assert till.findings() == []


def test_the_cost_of_a_shipment_may_be_heard_first(till: Till) -> None:
    order_id = new_order_id()
    till.settle(stock_shipped(order_id, new_order_id()))
    assert till.balances(order_id) == {"1200": -1_500, "5000": 1_500}
    assert till.account(order_id).terms is None


def test_stock_that_came_in_is_posted_once(till: Till) -> None:
    movement_id = new_order_id()
    till.settle(stock_received(movement_id), stock_received(movement_id))
    till.settle(stock_received(movement_id))
    with till.application.database.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT account, amount FROM entry JOIN journal USING (journal_id) WHERE ref = %s ORDER BY line",
            (f"stock/{movement_id}",),
        )
        assert [tuple(row) for row in rows] == [("1200", 5_000), ("2050", -5_000)]


@pytest.mark.parametrize(("value", "expected"), [(700, [700, -700]), (-700, [-700, 700]), (0, [])])
def test_stock_that_was_corrected_or_revalued_is_posted_once(till: Till, value: int, expected: list[int]) -> None:
    movement_id = new_order_id()
    till.settle(stock_adjusted(movement_id, value), stock_adjusted(movement_id, value))
    till.settle(stock_adjusted(movement_id, value))
    with till.application.database.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT kind, account, amount, source_event_id IS NOT NULL AS has_source FROM entry"
            " JOIN journal USING (journal_id) WHERE ref = %s ORDER BY line",
            (f"stock/{movement_id}",),
        ).all()
    accounts = ("1200", "5300")
    assert [tuple(row) for row in rows] == [("STOCK", *pair, True) for pair in zip(accounts, expected, strict=False)]


def test_an_order_over_nothing_is_paid_without_the_provider(till: Till) -> None:
    order_id = new_order_id()
    till.settle(order_placed(order_id, net=0, tax=0), inventory_reserved(order_id))
    assert till.names(order_id) == ["InvoiceCreated", "PaymentSucceeded"]
    assert not till.last(order_id, payment_events_pb2.PaymentSucceeded).HasField("payment_id")
    assert till.provider.charged(order_id) == []


def test_a_slow_payment_is_told_and_asked_about_until_it_is_there(till: Till) -> None:
    order_id = new_order_id()
    till.settle(order_placed(order_id, method="pm_slow"), inventory_reserved(order_id))
    assert till.names(order_id) == ["InvoiceCreated", "PaymentPending", "PaymentSucceeded"]
    assert _calls(till, order_id) == [Call.CHARGE, Call.INQUIRE, Call.INQUIRE]


def test_a_hard_decline_fails_for_good_and_a_cancel_then_voids(till: Till) -> None:
    order_id = new_order_id()
    till.settle(order_placed(order_id, method="pm_declined_hard"), inventory_reserved(order_id))
    failed = till.last(order_id, payment_events_pb2.PaymentFailed)
    assert failed.final
    assert failed.exception_id
    assert failed.reason == payment_events_pb2.PAYMENT_FAILURE_REASON_DECLINED_HARD
    till.settle(order_cancelled(order_id))
    assert till.names(order_id)[-2:] == ["InvoiceVoided", "OrderBillingClosed"]
    assert till.last(order_id, billing.OrderBillingClosed).outcome == billing.BILLING_OUTCOME_VOIDED
    assert till.balances(order_id) == {}


@pytest.mark.parametrize("fault", list(Fault))
def test_a_call_that_goes_wrong_is_never_a_second_charge(till: Till, fault: Fault) -> None:
    order_id = new_order_id()
    till.provider.inject(fault)
    till.settle(order_placed(order_id), inventory_reserved(order_id))
    assert {question.payment_id for question in till.provider.charged(order_id)} == {
        attempt.payment_id for attempt in till.account(order_id).attempts
    }
    assert till.balances(order_id) == PAID
    unknown = ["PaymentUnknown"] if fault is not Fault.REFUSED else []
    assert till.names(order_id) == ["InvoiceCreated", *unknown, "PaymentSucceeded"]


def test_a_lost_answer_is_asked_for_and_not_charged_again(till: Till) -> None:
    order_id = new_order_id()
    till.provider.inject(Fault.LOST_ANSWER)
    till.settle(order_placed(order_id), inventory_reserved(order_id))
    assert _calls(till, order_id) == [Call.CHARGE, Call.INQUIRE]


def test_a_provider_who_is_away_too_long_is_asked_to_cancel(till: Till) -> None:
    order_id = new_order_id()
    till.provider.inject(*[Fault.REFUSED] * (RETRIES + 3))
    started = till.clock.now()
    till.settle(order_placed(order_id), inventory_reserved(order_id))
    assert _calls(till, order_id) == [Call.CHARGE] * (RETRIES + 1) + [Call.CANCEL] * 3
    failed = till.last(order_id, payment_events_pb2.PaymentFailed)
    assert failed.reason == payment_events_pb2.PAYMENT_FAILURE_REASON_PROVIDER_UNAVAILABLE
    assert timedelta(seconds=15) < till.clock.now() - started < timedelta(minutes=5)
    assert till.account(order_id).attempts[0].state is PaymentState.NOT_ATTEMPTED


def test_a_cancelled_order_is_answered_before_anything_else_is_known(till: Till) -> None:
    order_id = new_order_id()
    till.settle(order_cancelled(order_id), order_placed(order_id), inventory_reserved(order_id), order_cancelled(order_id))
    assert till.names(order_id) == ["OrderBillingClosed"]
    assert till.last(order_id, billing.OrderBillingClosed).outcome == billing.BILLING_OUTCOME_NEVER_ISSUED
    assert till.provider.charged(order_id) == []


def test_a_cancel_before_the_charge_was_sent_sends_nothing(till: Till) -> None:
    order_id = new_order_id()
    till.read(order_placed(order_id), inventory_reserved(order_id), order_cancelled(order_id))
    account = till.account(order_id)
    assert account.invoice
    assert account.invoice.state is InvoiceState.CANCEL_REQUESTED
    till.settle()
    assert _calls(till, order_id) == [Call.CANCEL]
    assert till.names(order_id) == ["InvoiceCreated", "InvoiceVoided", "OrderBillingClosed"]
    assert till.balances(order_id) == {}


def test_a_cancel_while_unknown_gives_late_money_back(till: Till) -> None:
    order_id = new_order_id()
    till.provider.inject(Fault.LOST_ANSWER)
    till.read(order_placed(order_id), inventory_reserved(order_id))
    assert till.work() == 1
    till.settle(order_cancelled(order_id))
    assert till.names(order_id) == [
        *("InvoiceCreated", "PaymentUnknown", "PaymentSucceeded", "RefundRequested", "InvoiceVoided"),
        *("RefundSucceeded", "OrderBillingClosed"),
    ]
    closed = till.last(order_id, billing.OrderBillingClosed)
    assert (closed.outcome, closed.revision) == (billing.BILLING_OUTCOME_REFUNDED, 1)
    assert [amount.minor_units for amount in (*closed.received, *closed.refunded)] == [3_600, 3_600]
    assert till.balances(order_id) == {}
    assert till.findings() == []


def test_a_cancel_while_pending_stops_the_payment(till: Till) -> None:
    order_id = new_order_id()
    till.read(order_placed(order_id, method="pm_slow"), inventory_reserved(order_id))
    till.work()
    till.settle(order_cancelled(order_id))
    assert _calls(till, order_id) == [Call.CHARGE, Call.CANCEL]
    assert till.last(order_id, billing.OrderBillingClosed).outcome == billing.BILLING_OUTCOME_VOIDED


def test_a_cancel_of_a_paid_order_credits_and_refunds_it(till: Till) -> None:
    order_id = new_order_id()
    till.settle(order_placed(order_id), inventory_reserved(order_id))
    till.settle(order_cancelled(order_id), order_cancelled(order_id))
    assert till.names(order_id)[2:] == ["CreditNoteIssued", "RefundRequested", "RefundSucceeded", "OrderBillingClosed"]
    assert till.balances(order_id) == {}
    assert till.findings() == []


def test_a_refund_that_always_fails_is_told_and_stays_owed(till: Till) -> None:
    order_id = new_order_id()
    till.settle(order_placed(order_id), inventory_reserved(order_id))
    till.provider.refuses_refunds = True
    till.settle(order_cancelled(order_id))
    assert till.names(order_id)[-2:] == ["RefundFailed", "OrderBillingClosed"]
    assert till.last(order_id, billing.OrderBillingClosed).outcome == billing.BILLING_OUTCOME_REFUND_FAILED
    assert till.balances(order_id) == {"1000": 3_600, "2200": -3_600}
    assert till.findings() == []


@pytest.mark.parametrize("fault", list(Fault))
def test_a_refund_whose_call_goes_wrong_is_given_once(till: Till, fault: Fault) -> None:
    order_id = new_order_id()
    till.settle(order_placed(order_id), inventory_reserved(order_id))
    till.provider.inject(fault)
    till.settle(order_cancelled(order_id))
    assert len([r for r in till.provider.refunds.values() if r.order_id == order_id]) == 1
    assert till.balances(order_id) == {}


def test_numbers_have_no_gaps(till: Till) -> None:
    orders = [new_order_id() for _ in range(5)]
    till.settle(*[event for order_id in orders for event in (order_placed(order_id), inventory_reserved(order_id))])
    till.settle(*[order_cancelled(order_id) for order_id in orders[:2]])
    numbers = [int(till.last(o, billing.InvoiceCreated).invoice_number.removeprefix("INV-2027-")) for o in orders]
    assert sorted(numbers) == list(range(min(numbers), min(numbers) + 5))
    assert till.findings() == []
