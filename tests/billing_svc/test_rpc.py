"""BillingService over real gRPC: the server, its interceptors and the token verifier, on a real database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from atlas.billing.v1 import credit_note_pb2, invoice_pb2, ledger_pb2, payment_pb2, refund_pb2
from chassis.values import time_message
from tests.billing_svc.builders import inventory_reserved, order_cancelled, order_placed
from tests.billing_svc.journals import seal_all
from tests.billing_svc.served import BUYER, OWN, Client
from tests.billing_svc.till import Till, new_order_id

NOWHERE = "0190a000-0000-7000-8000-00000000dead"


@pytest.fixture(scope="module")
def refunded(till: Till) -> str:
    """An order of the buyer that was paid, cancelled and refunded."""
    order_id = new_order_id()
    till.settle(order_placed(order_id, subject=BUYER), inventory_reserved(order_id))
    till.settle(order_cancelled(order_id))
    return order_id


LISTS: dict[str, tuple[str, Any]] = {
    "invoices": ("ListInvoices", invoice_pb2.ListInvoicesRequest),
    "payments": ("ListPayments", payment_pb2.ListPaymentsRequest),
    "refunds": ("ListRefunds", refund_pb2.ListRefundsRequest),
    "credit_notes": ("ListCreditNotes", credit_note_pb2.ListCreditNotesRequest),
}
GETS: dict[str, tuple[str, Any, str]] = {
    "invoices": ("GetInvoice", invoice_pb2.GetInvoiceRequest, "invoice_id"),
    "payments": ("GetPayment", payment_pb2.GetPaymentRequest, "payment_id"),
    "refunds": ("GetRefund", refund_pb2.GetRefundRequest, "refund_id"),
    "credit_notes": ("GetCreditNote", credit_note_pb2.GetCreditNoteRequest, "credit_note_id"),
}


async def _of(client: Client, plural: str, order_id: str, **how: Any) -> list[Any]:
    name, request = LISTS[plural]
    return list(getattr(await client(name, request(order_id=order_id), **how), plural))


async def test_an_invoice_shows_what_has_happened_to_it(client: Client, refunded: str) -> None:
    (invoice,) = await _of(client, "invoices", refunded)
    amounts = {name: getattr(invoice, name).minor_units for name in ("net", "tax", "total", "paid", "credited", "refunded")}
    assert amounts == {"net": 3_000, "tax": 600, "total": 3_600, "paid": 3_600, "credited": 3_600, "refunded": 3_600}
    assert (invoice.state, invoice.outstanding.minor_units) == (invoice_pb2.INVOICE_STATE_CREDITED, 0)
    assert invoice.outstanding.currency_code == "EUR"
    assert invoice.invoice_number.startswith("INV-")
    assert [(line.line_number, line.sku, line.total.minor_units) for line in invoice.lines] == [(1, "LAMP-01", 3_600)]
    assert invoice.due_time.ToDatetime() > invoice.issue_time.ToDatetime()
    assert invoice.version == 4


async def test_payments_refunds_and_credit_notes_name_each_other(client: Client, refunded: str) -> None:
    (invoice,), (payment,) = await _of(client, "invoices", refunded), await _of(client, "payments", refunded)
    (refund,), (note,) = await _of(client, "refunds", refunded), await _of(client, "credit_notes", refunded)
    assert (payment.state, payment.attempt_number) == (payment_pb2.PAYMENT_STATE_SUCCEEDED, 1)
    assert payment.provider_reference
    assert not payment.HasField("decline_kind")
    assert (refund.state, refund.reason) == (refund_pb2.REFUND_STATE_SUCCEEDED, refund_pb2.REFUND_REASON_ORDER_CANCELLED)
    assert refund.payment_id == payment.payment_id
    assert (note.refund_id, note.invoice_id) == (refund.refund_id, invoice.invoice_id)
    assert note.total.minor_units == sum(line.total.minor_units for line in note.lines) == 3_600


@pytest.mark.parametrize("plural", GETS)
async def test_each_resource_can_be_read_alone_and_is_hidden_from_others(client: Client, refunded: str, plural: str) -> None:
    (resource,) = await _of(client, plural, refunded, scopes=OWN)
    name, request, key = GETS[plural]
    asked = request(**{key: getattr(resource, key)})
    assert getattr(await client(name, asked, scopes=OWN), key.removesuffix("_id")) == resource
    assert getattr(await client(name, asked, subject="finance"), key.removesuffix("_id")) == resource
    assert await _of(client, plural, refunded, subject="stranger", scopes=OWN) == []
    assert await client.refusal(name, asked, subject="stranger", scopes=OWN) == "NOT_FOUND"
    assert await client.refusal(name, request(**{key: NOWHERE})) == "NOT_FOUND"
    assert await client.refusal(name, asked, scopes=("orders:read_all",)) == "INSUFFICIENT_SCOPE"


async def test_lists_filter_by_state_and_page_newest_first(client: Client, till: Till, refunded: str) -> None:
    for _ in range(3):
        order_id = new_order_id()
        till.settle(order_placed(order_id), inventory_reserved(order_id))
    paid = invoice_pb2.ListInvoicesRequest(state=[invoice_pb2.INVOICE_STATE_PAID], page_size=2)
    first = await client("ListInvoices", paid)
    assert len(first.invoices) == 2
    paid.page_token = first.next_page_token
    second = await client("ListInvoices", paid)
    seen = [*first.invoices, *second.invoices]
    assert {invoice.state for invoice in seen} == {invoice_pb2.INVOICE_STATE_PAID}
    times = [invoice.create_time.ToNanoseconds() for invoice in seen]
    assert times == sorted(times, reverse=True)
    assert await client.refusal("ListInvoices", paid, subject="someone else") == "INVALID_PAGE_TOKEN"


async def test_the_ledger_shows_balanced_journals_of_an_order(client: Client, refunded: str) -> None:
    journals = (await client("ListJournals", ledger_pb2.ListJournalsRequest(order_id=refunded))).journals
    kinds = [ledger_pb2.JournalKind.Name(journal.kind).removeprefix("JOURNAL_KIND_") for journal in journals]
    assert sorted(kinds) == ["CREDIT_NOTE", "INVOICE", "PAYMENT", "REFUND"]
    for journal in journals:
        signed = [e.amount.minor_units * (1 if e.side == ledger_pb2.ENTRY_SIDE_DEBIT else -1) for e in journal.entries]
        assert sum(signed) == 0
        assert all(e.amount.minor_units > 0 for e in journal.entries)
        assert journal.source_event_id or journal.kind != ledger_pb2.JOURNAL_KIND_INVOICE
    alone = await client("GetJournal", ledger_pb2.GetJournalRequest(journal_id=journals[0].journal_id))
    assert alone.journal == journals[0]
    assert await client.refusal("GetJournal", ledger_pb2.GetJournalRequest(journal_id=NOWHERE)) == "NOT_FOUND"


async def test_journals_are_found_by_invoice_and_by_account(client: Client, refunded: str) -> None:
    (invoice,) = await _of(client, "invoices", refunded)
    of_invoice = ledger_pb2.ListJournalsRequest(invoice_id=invoice.invoice_id, account="2200")
    kinds = [journal.kind for journal in (await client("ListJournals", of_invoice)).journals]
    assert sorted(kinds) == sorted([ledger_pb2.JOURNAL_KIND_CREDIT_NOTE, ledger_pb2.JOURNAL_KIND_REFUND])


@pytest.mark.parametrize(
    ("account", "rule"), [("9999", "account.known"), ("11", "string.pattern"), ("1100 ", "string.pattern")]
)
async def test_journals_of_an_account_that_is_not_in_the_chart_are_refused(client: Client, account: str, rule: str) -> None:
    refused = await client.refused("ListJournals", ledger_pb2.ListJournalsRequest(account=account))
    assert (refused.reason, refused.violations) == ("VALIDATION_FAILED", {"account": rule})


async def test_the_chart_of_accounts_pages(client: Client) -> None:
    request = ledger_pb2.ListAccountsRequest(page_size=10)
    first = await client("ListAccounts", request)
    request.page_token = first.next_page_token
    second = await client("ListAccounts", request)
    numbers = [account.account for account in (*first.accounts, *second.accounts)]
    assert (len(numbers), numbers[0], numbers[-1]) == (16, "1000", "5300")
    assert second.next_page_token == ""


async def test_the_trial_balance_balances_now_sealed_or_not(client: Client, till: Till, refunded: str) -> None:
    for _ in range(2):
        now = (await client("GetTrialBalance", ledger_pb2.GetTrialBalanceRequest())).trial_balance
        (euro,) = now.currencies
        assert (euro.currency_code, euro.balanced) == ("EUR", True)
        assert sum(account.balance_minor_units for account in euro.accounts) == 0
        assert [account.account for account in euro.accounts][:2] == ["1000", "1100"]
        seal_all(till)


@pytest.mark.parametrize(("when", "rule"), [(timedelta(days=-2_000), "time.posted"), (timedelta(seconds=1), "time.past")])
async def test_a_trial_balance_of_a_time_that_cannot_be_is_refused(
    client: Client, till: Till, refunded: str, when: timedelta, rule: str
) -> None:
    request = ledger_pb2.GetTrialBalanceRequest(as_of=time_message(till.clock.now() + when))
    refused = await client.refused("GetTrialBalance", request)
    assert (refused.reason, refused.violations) == ("VALIDATION_FAILED", {"as_of": rule})


async def test_a_journal_shows_its_seal_once_it_has_one(client: Client, till: Till) -> None:
    order_id = new_order_id()
    till.settle(order_placed(order_id), inventory_reserved(order_id))
    request = ledger_pb2.ListJournalsRequest(order_id=order_id)
    waiting = (await client("ListJournals", request)).journals
    assert not any(each.HasField("sequence") or each.HasField("hash") or each.HasField("previous_hash") for each in waiting)
    seal_all(till)
    sealed = sorted((await client("ListJournals", request)).journals, key=lambda each: each.sequence)
    assert len(sealed) == len(waiting) == 2
    assert sealed[0].hash == sealed[1].previous_hash
    one = (await client("GetJournal", ledger_pb2.GetJournalRequest(journal_id=sealed[1].journal_id))).journal
    assert one == sealed[1]


async def test_the_ledger_is_verified_part_by_part(client: Client, till: Till, refunded: str) -> None:
    seal_all(till)
    first = await client("VerifyLedger", ledger_pb2.VerifyLedgerRequest())
    assert (first.verified, list(first.findings), first.HasField("next_sequence")) == (True, [], False)
    assert first.journals_checked == first.head_sequence > 0
    assert first.head_hash == till.published("ledger")[-1].head_hash  # type: ignore[attr-defined]  # nothing else has this key
    rest = await client("VerifyLedger", ledger_pb2.VerifyLedgerRequest(after_sequence=first.head_sequence - 1))
    assert (rest.verified, rest.journals_checked, rest.head_hash) == (True, 1, first.head_hash)
    nowhere = ledger_pb2.VerifyLedgerRequest(after_sequence=first.head_sequence + 1)
    assert await client.refusal("VerifyLedger", nowhere) == "VALIDATION_FAILED"


async def test_what_was_changed_below_the_application_is_named(client: Client, till: Till, refunded: str) -> None:
    seal_all(till)
    victim = (await client("ListJournals", ledger_pb2.ListJournalsRequest(order_id=refunded))).journals[0]
    change = "UPDATE journal SET kind = CASE kind WHEN 'VOID' THEN :kind ELSE 'VOID' END WHERE journal_id = :id"
    kind = ledger_pb2.JournalKind.Name(victim.kind).removeprefix("JOURNAL_KIND_")
    for _ in range(2):
        with till.application.database.begin() as connection:
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
            connection.execute(sa.text(change), {"id": victim.journal_id, "kind": kind})
        answer = await client("VerifyLedger", ledger_pb2.VerifyLedgerRequest())
        wrong = [] if answer.verified else [(victim.journal_id, "it is not as it was sealed")]
        assert [(each.journal_id, each.finding) for each in answer.findings] == wrong
    assert answer.verified, "it is as it was again"


async def test_the_ledger_needs_its_own_scope(client: Client) -> None:
    for name, request in (
        ("ListAccounts", ledger_pb2.ListAccountsRequest()),
        ("ListJournals", ledger_pb2.ListJournalsRequest()),
        ("GetTrialBalance", ledger_pb2.GetTrialBalanceRequest()),
        ("VerifyLedger", ledger_pb2.VerifyLedgerRequest()),
    ):
        assert await client.refusal(name, request, scopes=("billing:read", "orders:read_all")) == "INSUFFICIENT_SCOPE"
