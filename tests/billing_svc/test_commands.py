"""What people may do about money, over real gRPC: pay, void, credit, refund, ask, try again; and what is refused."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import grpc.aio
import pytest
import sqlalchemy as sa

from atlas.billing.v1 import billing_events_pb2 as billing
from atlas.billing.v1 import credit_note_pb2, invoice_pb2, payment_events_pb2, payment_pb2, refund_events_pb2, refund_pb2
from billing_svc import tables
from billing_svc.domain.order_account import OrderAccount
from billing_svc.domain.payment import PaymentState
from chassis.values import money_message
from tests.billing_svc.builders import eur, inventory_reserved, order_cancelled, order_fulfilled, order_placed
from tests.billing_svc.served import Client
from tests.billing_svc.till import Till, new_order_id

NOWHERE = "0190a000-0000-7000-8000-00000000dead"
DAMAGED = credit_note_pb2.CREDIT_REASON_DAMAGED


def _order(till: Till, method: str = "pm_ok", *, is_shipped: bool = False) -> OrderAccount:
    order_id = new_order_id()
    till.read(order_placed(order_id, method=method), inventory_reserved(order_id))
    while till.work():
        pass
    if is_shipped:
        till.read(order_fulfilled(order_id, str(uuid4())))
    return till.account(order_id)


@pytest.fixture
def shipped(till: Till) -> OrderAccount:
    """Three lamps for 36.00 EUR, paid and shipped."""
    return _order(till, is_shipped=True)


@pytest.fixture
def declined(till: Till) -> OrderAccount:
    """The same, declined for good."""
    return _order(till, "pm_declined_hard")


def _invoice_id(account: OrderAccount) -> str:
    assert account.invoice
    return account.invoice.invoice_id


def _pay(account: OrderAccount, method: str = "pm_ok") -> payment_pb2.PayInvoiceRequest:
    return payment_pb2.PayInvoiceRequest(invoice_id=_invoice_id(account), payment_method=method)


def _void(account: OrderAccount, **more: Any) -> invoice_pb2.VoidInvoiceRequest:
    reason = invoice_pb2.VOID_REASON_DUPLICATE
    return invoice_pb2.VoidInvoiceRequest(invoice_id=_invoice_id(account), reason=reason, comment="twice", **more)


def _credit(account: OrderAccount, units: int, number: int = 1) -> credit_note_pb2.CreateCreditNoteRequest:
    lines = [credit_note_pb2.CreditLine(line_number=number, quantity=units)]
    return credit_note_pb2.CreateCreditNoteRequest(
        invoice_id=_invoice_id(account), reason=DAMAGED, comment="a scratch", lines=lines
    )


def _refund(account: OrderAccount, minor_units: int, currency: str = "EUR") -> payment_pb2.RefundPaymentRequest:
    request = payment_pb2.RefundPaymentRequest(payment_id=account.attempts[0].payment_id, reason=DAMAGED)
    request.amount.currency_code, request.amount.minor_units = currency, minor_units
    return request


async def test_a_declined_order_is_paid_another_way(client: Client, till: Till, declined: OrderAccount) -> None:
    payment = (await client("PayInvoice", _pay(declined, "pm_slow"))).payment
    assert (payment.state, payment.attempt_number, payment.version) == (payment_pb2.PAYMENT_STATE_INITIATED, 2, 1)
    till.settle()
    told = till.last(declined.order_id, payment_events_pb2.PaymentSucceeded)
    assert (told.payment_id, told.invoice_state) == (payment.payment_id, invoice_pb2.INVOICE_STATE_PAID)


async def test_the_answer_shows_the_row_as_it_is_stored(client: Client, till: Till, declined: OrderAccount) -> None:
    payment = (await client("PayInvoice", _pay(declined))).payment
    read = (await client("GetPayment", payment_pb2.GetPaymentRequest(payment_id=payment.payment_id))).payment
    assert read == payment
    (first,) = [p for p in await _payments(client, declined) if p.attempt_number == 1]
    assert first.failure_reason == payment_events_pb2.PAYMENT_FAILURE_REASON_DECLINED_HARD
    voided = (await client("VoidInvoice", _void(_order(till, "pm_declined_hard")))).invoice
    assert (await client("GetInvoice", invoice_pb2.GetInvoiceRequest(invoice_id=voided.invoice_id))).invoice == voided


async def _payments(client: Client, account: OrderAccount) -> list[Any]:
    return list((await client("ListPayments", payment_pb2.ListPaymentsRequest(order_id=account.order_id))).payments)


async def test_a_soft_decline_shows_when_the_next_attempt_follows(client: Client, till: Till) -> None:
    account = _order(till, "pm_declined_soft")
    (payment,) = await _payments(client, account)
    told = till.last(account.order_id, payment_events_pb2.PaymentFailed)
    assert payment.next_attempt_time == told.next_attempt_time
    assert (told.final, told.HasField("exception_id")) == (False, False)
    assert told.next_attempt_time.ToNanoseconds() - payment.create_time.ToNanoseconds() == 3_600 * 10**9
    till.settle()
    assert [p.state for p in await _payments(client, account)] == 4 * [payment_pb2.PAYMENT_STATE_DECLINED]
    assert till.last(account.order_id, payment_events_pb2.PaymentFailed).final


async def test_a_payment_that_succeeds_the_third_time(till: Till) -> None:
    account = _order(till, "pm_soft_twice_then_ok")
    till.settle()
    states = [attempt.state for attempt in till.account(account.order_id).attempts]
    assert states == [PaymentState.DECLINED, PaymentState.DECLINED, PaymentState.SUCCEEDED]
    assert len(till.provider.charged(account.order_id)) == 3


async def test_an_unpaid_invoice_is_voided_and_says_why(client: Client, till: Till, declined: OrderAccount) -> None:
    invoice = (await client("VoidInvoice", _void(declined))).invoice
    assert (invoice.state, invoice.outstanding.minor_units) == (invoice_pb2.INVOICE_STATE_VOID, 0)
    told = till.last(declined.order_id, billing.InvoiceVoided)
    assert told.reason == billing.INVOICE_VOID_REASON_DUPLICATE
    till.settle(order_cancelled(declined.order_id))
    assert till.last(declined.order_id, billing.OrderBillingClosed).outcome == billing.BILLING_OUTCOME_VOIDED
    assert (till.balances(declined.order_id), till.findings()) == ({}, [])


async def test_a_void_names_the_version_it_was_made_on(client: Client, declined: OrderAccount) -> None:
    refused = await client.refused("VoidInvoice", _void(declined, expected_version=7))
    assert (refused.reason, refused.detail) == ("VERSION_MISMATCH", "the invoice is at version 1, not 7")
    assert (await client("VoidInvoice", _void(declined, expected_version=1))).invoice.version == 2


async def test_units_are_credited_and_given_back(client: Client, till: Till, shipped: OrderAccount) -> None:
    note = (await client("CreateCreditNote", _credit(shipped, 1))).credit_note
    assert (note.kind, note.total.minor_units) == (credit_note_pb2.CREDIT_NOTE_KIND_ALLOWANCE, 1_200)
    assert (note.reason, note.comment) == (DAMAGED, "a scratch")
    assert note.credit_note_number.startswith("CN-2027-")
    till.settle()
    refund = (await client("GetRefund", refund_pb2.GetRefundRequest(refund_id=note.refund_id))).refund
    assert (refund.state, refund.reason) == (refund_pb2.REFUND_STATE_SUCCEEDED, refund_pb2.REFUND_REASON_ALLOWANCE)
    assert till.last(shipped.order_id, refund_events_pb2.RefundRequested).requester.subject
    books = till.balances(shipped.order_id)
    assert (books["1000"], books["4200"], books["2000"]) == (2_400, 1_000, -400)
    assert till.findings() == []


async def test_an_amount_is_given_back(client: Client, till: Till, shipped: OrderAccount) -> None:
    refund = (await client("RefundPayment", _refund(shipped, 500))).refund
    assert (refund.state, refund.amount) == (refund_pb2.REFUND_STATE_REQUESTED, money_message(eur(500)))
    till.settle()
    assert till.balances(shipped.order_id)["1000"] == 3_100
    assert till.findings() == []


async def test_an_open_payment_is_asked_about(client: Client, till: Till) -> None:
    account = _order(till, "pm_timeout_then_ok")
    assert account.attempts[0].state is PaymentState.UNKNOWN
    request = payment_pb2.ResolvePaymentRequest(payment_id=account.attempts[0].payment_id)
    payment = (await client("ResolvePayment", request)).payment
    assert payment.state == payment_pb2.PAYMENT_STATE_UNKNOWN
    till.work()
    assert till.account(account.order_id).attempts[0].state is PaymentState.SUCCEEDED
    assert len(till.provider.charged(account.order_id)) == 1, "it was asked about, not charged again"
    assert await client.refusal("ResolvePayment", request) == "ILLEGAL_STATE"


async def test_a_refund_that_failed_is_tried_again_until_it_succeeds(client: Client, till: Till) -> None:
    account = _order(till, "pm_refund_fails")
    till.settle(order_cancelled(account.order_id))
    refund = till.account(account.order_id).refunds[0]
    listed = refund_pb2.ListRefundsRequest(order_id=account.order_id, state=[refund_pb2.REFUND_STATE_FAILED])
    assert [each.refund_id for each in (await client("ListRefunds", listed)).refunds] == [refund.refund_id]
    closed = till.last(account.order_id, billing.OrderBillingClosed)
    assert (closed.outcome, closed.revision) == (billing.BILLING_OUTCOME_REFUND_FAILED, 1)
    assert till.balances(account.order_id)["2200"] == -3_600, "it stays owed"
    retry = refund_pb2.RetryRefundRequest(refund_id=refund.refund_id)
    answer = (await client("RetryRefund", retry)).refund
    assert (answer.state, answer.failed_tries, answer.version) == (refund_pb2.REFUND_STATE_REQUESTED, 0, 8)
    till.settle()
    closed = till.last(account.order_id, billing.OrderBillingClosed)
    assert (closed.outcome, closed.revision) == (billing.BILLING_OUTCOME_REFUNDED, 2)
    assert (till.balances(account.order_id), till.findings()) == ({}, [])
    assert await client.refusal("RetryRefund", retry) == "ILLEGAL_STATE"


async def test_fifty_refunds_at_once_never_give_back_more_than_was_paid(
    client: Client, till: Till, shipped: OrderAccount
) -> None:
    async def ask(minor_units: int) -> str:
        try:
            await client("RefundPayment", _refund(shipped, minor_units))
        except grpc.aio.AioRpcError as error:
            return str(error.code().name)
        return "OK"

    answers = Counter(await asyncio.gather(*[ask(100) for _ in range(50)]))
    assert answers == {"OK": 36, "FAILED_PRECONDITION": 14}
    till.settle()
    account = till.account(shipped.order_id)
    assert sum(refund.amount.minor_units for refund in account.refunds) == 3_600
    assert account.invoice
    assert account.invoice.credited == eur(3_600)
    assert till.findings() == []


async def test_a_repeated_call_does_it_once(client: Client, till: Till, shipped: OrderAccount) -> None:
    key = str(uuid4())
    first, again = [await client("RefundPayment", _refund(shipped, 500), key=key) for _ in range(2)]
    assert first == again
    assert len(till.account(shipped.order_id).refunds) == 1


async def _assert_nothing_changed(client: Client, till: Till, before: OrderAccount, call: tuple[str, Any], reason: str) -> Any:
    refused = await client.refused(*call)
    assert refused.reason == reason
    assert till.account(before.order_id) == before
    return refused


@pytest.mark.parametrize(
    ("minor_units", "currency", "reason", "fields"),
    [
        (0, "EUR", "VALIDATION_FAILED", {"amount"}),
        (-1, "EUR", "VALIDATION_FAILED", {"amount"}),
        (3_601, "EUR", "NOT_REFUNDABLE", set()),
        (1, "USD", "VALIDATION_FAILED", {"amount.currency_code"}),
        (1, "eur", "VALIDATION_FAILED", {"amount.currency_code"}),
        (2**53, "EUR", "VALIDATION_FAILED", {"amount.minor_units"}),
    ],
)
async def test_a_refund_of_a_wrong_amount_is_refused(
    client: Client, till: Till, shipped: OrderAccount, minor_units: int, currency: str, reason: str, fields: set[str]
) -> None:
    call = ("RefundPayment", _refund(shipped, minor_units, currency))
    refused = await _assert_nothing_changed(client, till, shipped, call, reason)
    assert set(refused.violations) == fields


async def test_a_failed_payment_is_not_given_back(client: Client, till: Till, declined: OrderAccount) -> None:
    refused = await _assert_nothing_changed(client, till, declined, ("RefundPayment", _refund(declined, 1)), "NOT_REFUNDABLE")
    assert "DECLINED" in refused.detail


async def test_before_shipment_nothing_is_credited_or_given_back(client: Client, till: Till) -> None:
    paid = _order(till)
    await _assert_nothing_changed(client, till, paid, ("RefundPayment", _refund(paid, 1)), "NOT_REFUNDABLE")
    await _assert_nothing_changed(client, till, paid, ("CreateCreditNote", _credit(paid, 1)), "NOT_CREDITABLE")


@pytest.mark.parametrize(
    ("units", "number", "reason", "field"),
    [
        (4, 1, "NOT_CREDITABLE", "lines[0].quantity"),
        (1, 2, "NOT_CREDITABLE", "lines[0].quantity"),
        (0, 1, "VALIDATION_FAILED", "lines[0].quantity"),
        (-1, 1, "VALIDATION_FAILED", "lines[0].quantity"),
        (10**13, 1, "VALIDATION_FAILED", "lines[0].quantity"),
        (1, 0, "VALIDATION_FAILED", "lines[0].line_number"),
    ],
)
async def test_a_credit_of_more_than_was_sold_is_refused(
    client: Client, till: Till, shipped: OrderAccount, units: int, number: int, reason: str, field: str
) -> None:
    call = ("CreateCreditNote", _credit(shipped, units, number))
    refused = await _assert_nothing_changed(client, till, shipped, call, reason)
    assert set(refused.violations) == {field}


async def test_a_credit_note_names_each_line_once_and_at_least_one(client: Client, till: Till, shipped: OrderAccount) -> None:
    twice = _credit(shipped, 1)
    twice.lines.add(line_number=1, quantity=1)
    refused = await _assert_nothing_changed(client, till, shipped, ("CreateCreditNote", twice), "VALIDATION_FAILED")
    assert refused.violations == {"lines": "lines.unique"}
    del twice.lines[:]
    await _assert_nothing_changed(client, till, shipped, ("CreateCreditNote", twice), "VALIDATION_FAILED")


async def test_a_void_invoice_is_neither_credited_nor_paid_nor_voided(client: Client, till: Till) -> None:
    account = _order(till, "pm_declined_hard")
    await client("VoidInvoice", _void(account))
    void = till.account(account.order_id)
    await _assert_nothing_changed(client, till, void, ("CreateCreditNote", _credit(void, 1)), "ILLEGAL_STATE")
    await _assert_nothing_changed(client, till, void, ("PayInvoice", _pay(void)), "ILLEGAL_STATE")
    await _assert_nothing_changed(client, till, void, ("VoidInvoice", _void(void)), "ILLEGAL_STATE")


async def test_a_paid_invoice_is_neither_voided_nor_paid(client: Client, till: Till, shipped: OrderAccount) -> None:
    refused = await _assert_nothing_changed(client, till, shipped, ("VoidInvoice", _void(shipped)), "ILLEGAL_STATE")
    assert "PAID" in refused.detail
    await _assert_nothing_changed(client, till, shipped, ("PayInvoice", _pay(shipped)), "ILLEGAL_STATE")


@pytest.mark.parametrize("method", ["pm_gold", "", "x" * 300])
async def test_a_payment_method_that_nobody_takes_is_refused(
    client: Client, till: Till, declined: OrderAccount, method: str
) -> None:
    refused = await _assert_nothing_changed(client, till, declined, ("PayInvoice", _pay(declined, method)), "VALIDATION_FAILED")
    assert set(refused.violations) == {"payment_method"}


async def test_not_while_another_attempt_is_open(client: Client, till: Till) -> None:
    account = _order(till, "pm_timeout_then_ok")
    refused = await _assert_nothing_changed(client, till, account, ("PayInvoice", _pay(account)), "ILLEGAL_STATE")
    assert account.attempts[0].payment_id in refused.detail


async def test_nothing_is_asked_of_a_settled_payment(client: Client, till: Till, shipped: OrderAccount) -> None:
    request = payment_pb2.ResolvePaymentRequest(payment_id=shipped.attempts[0].payment_id)
    await _assert_nothing_changed(client, till, shipped, ("ResolvePayment", request), "ILLEGAL_STATE")


async def test_what_is_not_there_is_not_found(client: Client) -> None:
    calls = {
        "PayInvoice": payment_pb2.PayInvoiceRequest(invoice_id=NOWHERE, payment_method="pm_ok"),
        "VoidInvoice": invoice_pb2.VoidInvoiceRequest(invoice_id=NOWHERE, reason=invoice_pb2.VOID_REASON_DUPLICATE),
        "ResolvePayment": payment_pb2.ResolvePaymentRequest(payment_id=NOWHERE),
        "RetryRefund": refund_pb2.RetryRefundRequest(refund_id=NOWHERE),
    }
    for name, request in calls.items():
        assert await client.refusal(name, request) == "NOT_FOUND"


async def test_each_command_needs_its_scope(client: Client, shipped: OrderAccount) -> None:
    for name, request, scope in (
        ("VoidInvoice", _void(shipped), "billing:manage"),
        ("PayInvoice", _pay(shipped), "billing:manage"),
        ("CreateCreditNote", _credit(shipped, 1), "billing:manage"),
        ("RefundPayment", _refund(shipped, 1), "billing:refund"),
    ):
        scopes = tuple({"billing:read", "billing:manage", "billing:refund"} - {scope})
        assert await client.refusal(name, request, scopes=scopes) == "INSUFFICIENT_SCOPE"


async def test_two_commands_of_one_batch_see_each_other(client: Client, till: Till, shipped: OrderAccount) -> None:
    notes = await asyncio.gather(*[client("CreateCreditNote", _credit(shipped, 1)) for _ in range(3)])
    numbers = sorted(int(note.credit_note.credit_note_number[-6:]) for note in notes)
    assert numbers == list(range(numbers[0], numbers[0] + 3))
    assert await client.refusal("CreateCreditNote", _credit(shipped, 1)) == "NOT_CREDITABLE"
    table = tables.invoice.c
    with till.application.database.connect() as connection:
        row = connection.execute(sa.select(table.credited, table.state).where(table.order_id == shipped.order_id)).one()
    assert tuple(row) == (3_600, "CREDITED")
