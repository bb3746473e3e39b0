"""The gRPC servicer of billing: every call is a read."""

from __future__ import annotations

from typing import Any

import grpc.aio

from atlas.billing.v1 import (
    billing_service_pb2,
    billing_service_pb2_grpc,
    credit_note_pb2,
    invoice_pb2,
    ledger_pb2,
    payment_pb2,
    refund_pb2,
)
from billing_svc import ledger_queries, queries
from chassis.application import Edge
from chassis.grpc_server import Servicer

Context = grpc.aio.ServicerContext[Any, Any]


class BillingServicer(billing_service_pb2_grpc.BillingServiceServicer):
    """Serves atlas.billing.v1.BillingService."""

    def __init__(self, edge: Edge) -> None:
        self._queries = edge.queries
        self._lists = queries.BillingLists(edge.pager)
        self._ledger = ledger_queries.LedgerQueries(edge.pager, edge.service.clock)

    async def GetInvoice(self, request: invoice_pb2.GetInvoiceRequest, context: Context) -> invoice_pb2.GetInvoiceResponse:
        """Read one invoice."""
        return await self._queries.run(queries.get_invoice, request)

    async def ListInvoices(
        self, request: invoice_pb2.ListInvoicesRequest, context: Context
    ) -> invoice_pb2.ListInvoicesResponse:
        """List invoices."""
        return await self._queries.run(self._lists.list_invoices, request)

    async def GetPayment(self, request: payment_pb2.GetPaymentRequest, context: Context) -> payment_pb2.GetPaymentResponse:
        """Read one payment attempt."""
        return await self._queries.run(queries.get_payment, request)

    async def ListPayments(
        self, request: payment_pb2.ListPaymentsRequest, context: Context
    ) -> payment_pb2.ListPaymentsResponse:
        """List payment attempts."""
        return await self._queries.run(self._lists.list_payments, request)

    async def GetRefund(self, request: refund_pb2.GetRefundRequest, context: Context) -> refund_pb2.GetRefundResponse:
        """Read one refund."""
        return await self._queries.run(queries.get_refund, request)

    async def ListRefunds(self, request: refund_pb2.ListRefundsRequest, context: Context) -> refund_pb2.ListRefundsResponse:
        """List refunds."""
        return await self._queries.run(self._lists.list_refunds, request)

    async def GetCreditNote(
        self, request: credit_note_pb2.GetCreditNoteRequest, context: Context
    ) -> credit_note_pb2.GetCreditNoteResponse:
        """Read one credit note."""
        return await self._queries.run(queries.get_credit_note, request)

    async def ListCreditNotes(
        self, request: credit_note_pb2.ListCreditNotesRequest, context: Context
    ) -> credit_note_pb2.ListCreditNotesResponse:
        """List credit notes."""
        return await self._queries.run(self._lists.list_credit_notes, request)

    async def ListAccounts(self, request: ledger_pb2.ListAccountsRequest, context: Context) -> ledger_pb2.ListAccountsResponse:
        """List the chart of accounts."""
        return await self._queries.run(self._ledger.list_accounts, request)

    async def GetJournal(self, request: ledger_pb2.GetJournalRequest, context: Context) -> ledger_pb2.GetJournalResponse:
        """Read one journal."""
        return await self._queries.run(ledger_queries.get_journal, request)

    async def ListJournals(self, request: ledger_pb2.ListJournalsRequest, context: Context) -> ledger_pb2.ListJournalsResponse:
        """List journals."""
        return await self._queries.run(self._ledger.list_journals, request)

    async def GetTrialBalance(
        self, request: ledger_pb2.GetTrialBalanceRequest, context: Context
    ) -> ledger_pb2.GetTrialBalanceResponse:
        """Add up all accounts."""
        return await self._queries.run(self._ledger.get_trial_balance, request)


def servicers(edge: Edge) -> list[Servicer]:
    """Return the servicers of this service."""
    contract = billing_service_pb2.DESCRIPTOR.services_by_name["BillingService"]
    return [Servicer(contract, BillingServicer(edge), billing_service_pb2_grpc.add_BillingServiceServicer_to_server)]
