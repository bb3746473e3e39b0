"""BillingService over real gRPC: the server, its interceptors and the token verifier, on a real database."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2

from atlas.billing.v1 import (
    billing_service_pb2_grpc,
    credit_note_pb2,
    invoice_pb2,
    ledger_pb2,
    payment_pb2,
    refund_pb2,
)
from chassis.auth import TokenVerifier
from chassis.grpc_server import GrpcServer
from chassis.jwks import JwksSource
from chassis.values import time_message
from tests.billing_svc.builders import NOW, inventory_reserved, order_cancelled, order_placed
from tests.billing_svc.till import Till, new_order_id
from tests.chassis.issuer import ISSUER, Issuer
from tests.security.tokens import Forge, fresh_signer

SIGNER = fresh_signer("issuer-key")
ALL = ("billing:read", "ledger:read", "orders:read_all")
OWN = ("billing:read",)
BUYER = "a71a5000-0000-4000-8002-000000000002"
NOWHERE = "0190a000-0000-7000-8000-00000000dead"


@dataclass
class Client:
    """Calls the service as one person."""

    stub: Any
    forge: Forge

    async def __call__(self, name: str, request: Any, *, subject: str = BUYER, scopes: tuple[str, ...] = ALL) -> Any:
        token = self.forge.token(sub=subject, resource_access={"atlas-gateway": {"roles": list(scopes)}})
        return await getattr(self.stub, name)(request, metadata=[("authorization", f"Bearer {token}")], timeout=10)

    async def refusal(self, name: str, request: Any, **how: Any) -> str:
        """The reason with which a call is refused."""
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await self(name, request, **how)
        status, info = status_pb2.Status(), error_details_pb2.ErrorInfo()
        status.ParseFromString(dict(refused.value.trailing_metadata() or ())["grpc-status-details-bin"])
        assert status.details[0].Unpack(info)
        return info.reason


@pytest.fixture(scope="module")
async def client(till: Till) -> AsyncIterator[Client]:
    """A client of a server that runs for this module."""
    jwks = JwksSource(ISSUER, client=Issuer([SIGNER.public_jwk()]).client())
    await jwks.warm()
    edge = till.application.edge()
    verifier = TokenVerifier(issuer=ISSUER, audience="billing-svc", jwks=jwks)
    server = GrpcServer(till.application.blueprint.servicers(edge), verifier, port=0, reflect=False)
    port = await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        forge = Forge(SIGNER, ISSUER, int(time.time()))
        yield Client(billing_service_pb2_grpc.BillingServiceStub(channel), forge)
    await server.stop()
    edge.queries.close()
    await jwks.aclose()


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


async def test_the_chart_of_accounts_pages(client: Client) -> None:
    request = ledger_pb2.ListAccountsRequest(page_size=10)
    first = await client("ListAccounts", request)
    request.page_token = first.next_page_token
    second = await client("ListAccounts", request)
    numbers = [account.account for account in (*first.accounts, *second.accounts)]
    assert (len(numbers), numbers[0], numbers[-1]) == (16, "1000", "5300")
    assert second.next_page_token == ""


async def test_the_trial_balance_balances_now_and_was_empty_before(client: Client, refunded: str) -> None:
    now = (await client("GetTrialBalance", ledger_pb2.GetTrialBalanceRequest())).trial_balance
    (euro,) = now.currencies
    assert (euro.currency_code, euro.balanced) == ("EUR", True)
    assert sum(account.balance_minor_units for account in euro.accounts) == 0
    assert [account.account for account in euro.accounts][:2] == ["1000", "1100"]
    before = ledger_pb2.GetTrialBalanceRequest()
    before.as_of.CopyFrom(time_message(NOW.replace(year=2020)))
    assert list((await client("GetTrialBalance", before)).trial_balance.currencies) == []


async def test_the_ledger_needs_its_own_scope(client: Client) -> None:
    for name, request in (
        ("ListAccounts", ledger_pb2.ListAccountsRequest()),
        ("ListJournals", ledger_pb2.ListJournalsRequest()),
        ("GetTrialBalance", ledger_pb2.GetTrialBalanceRequest()),
    ):
        assert await client.refusal(name, request, scopes=("billing:read", "orders:read_all")) == "INSUFFICIENT_SCOPE"
