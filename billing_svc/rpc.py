"""The gRPC servicer of billing: parse, submit, encode."""

from __future__ import annotations

from typing import Any, cast

import grpc.aio

from atlas.billing.v1 import (
    billing_service_pb2,
    billing_service_pb2_grpc,
    credit_note_pb2,
    document_service_pb2,
    document_service_pb2_grpc,
    invoice_pb2,
    ledger_pb2,
    ledger_service_pb2,
    ledger_service_pb2_grpc,
    payment_pb2,
    refund_pb2,
    webhook_pb2,
    webhook_service_pb2,
    webhook_service_pb2_grpc,
)
from billing_svc import documents, ledger_queries, queries
from billing_svc.commands import (
    CREATE_CREDIT_NOTE,
    REFUND_PAYMENT,
    RESOLVE_PAYMENT,
    RETRY_REFUND,
    VOID_INVOICE,
    pay_invoice_command,
)
from billing_svc.reconciling import Reconciler
from billing_svc.settings import Settings
from billing_svc.webhooks import PROVIDERS, Signatures, receive_command
from chassis.application import Edge
from chassis.errors import NotFound, ValidationFailed, Violation
from chassis.grpc_server import Servicer

Context = grpc.aio.ServicerContext[Any, Any]


class BillingServicer(billing_service_pb2_grpc.BillingServiceServicer):
    """Serves atlas.billing.v1.BillingService."""

    def __init__(self, edge: Edge) -> None:
        settings = cast(Settings, edge.settings)
        self._commands = edge.commands
        self._queries = edge.queries
        self._pay_invoice = pay_invoice_command(settings.psp_methods)
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

    async def PayInvoice(self, request: payment_pb2.PayInvoiceRequest, context: Context) -> payment_pb2.PayInvoiceResponse:
        """Begin to pay an invoice."""
        response: payment_pb2.PayInvoiceResponse = await self._commands.submit(self._pay_invoice, request, context)
        return response

    async def VoidInvoice(self, request: invoice_pb2.VoidInvoiceRequest, context: Context) -> invoice_pb2.VoidInvoiceResponse:
        """Void an invoice."""
        response: invoice_pb2.VoidInvoiceResponse = await self._commands.submit(VOID_INVOICE, request, context)
        return response

    async def CreateCreditNote(
        self, request: credit_note_pb2.CreateCreditNoteRequest, context: Context
    ) -> credit_note_pb2.CreateCreditNoteResponse:
        """Credit units that were shipped."""
        response: credit_note_pb2.CreateCreditNoteResponse = await self._commands.submit(CREATE_CREDIT_NOTE, request, context)
        return response

    async def ResolvePayment(
        self, request: payment_pb2.ResolvePaymentRequest, context: Context
    ) -> payment_pb2.ResolvePaymentResponse:
        """Ask the provider about a payment."""
        response: payment_pb2.ResolvePaymentResponse = await self._commands.submit(RESOLVE_PAYMENT, request, context)
        return response

    async def RefundPayment(
        self, request: payment_pb2.RefundPaymentRequest, context: Context
    ) -> payment_pb2.RefundPaymentResponse:
        """Give a part of a payment back."""
        response: payment_pb2.RefundPaymentResponse = await self._commands.submit(REFUND_PAYMENT, request, context)
        return response

    async def RetryRefund(self, request: refund_pb2.RetryRefundRequest, context: Context) -> refund_pb2.RetryRefundResponse:
        """Try a refund again."""
        response: refund_pb2.RetryRefundResponse = await self._commands.submit(RETRY_REFUND, request, context)
        return response

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
        """Say what all accounts amount to."""
        return await self._queries.run(self._ledger.get_trial_balance, request)


class DocumentServicer(document_service_pb2_grpc.DocumentServiceServicer):
    """Serves atlas.billing.v1.DocumentService."""

    def __init__(self, edge: Edge) -> None:
        self._queries = edge.queries

    async def GetInvoiceDocument(
        self, request: invoice_pb2.GetInvoiceDocumentRequest, context: Context
    ) -> invoice_pb2.GetInvoiceDocumentResponse:
        """Read an invoice as a document."""
        return await self._queries.run(documents.get_invoice_document, request)

    async def GetCreditNoteDocument(
        self, request: credit_note_pb2.GetCreditNoteDocumentRequest, context: Context
    ) -> credit_note_pb2.GetCreditNoteDocumentResponse:
        """Read a credit note as a document."""
        return await self._queries.run(documents.get_credit_note_document, request)


class LedgerServicer(ledger_service_pb2_grpc.LedgerServiceServicer):
    """Serves atlas.billing.v1.LedgerService."""

    def __init__(self, edge: Edge) -> None:
        self._queries = edge.queries
        self._reconciler = Reconciler(edge.service.database, edge.service.clock, cast(Settings, edge.settings))

    async def VerifyLedger(self, request: ledger_pb2.VerifyLedgerRequest, context: Context) -> ledger_pb2.VerifyLedgerResponse:
        """Verify a part of the sealed chain."""
        return await self._queries.run(ledger_queries.verify_ledger, request)

    async def ReconcileLedger(
        self, request: ledger_pb2.ReconcileLedgerRequest, context: Context
    ) -> ledger_pb2.ReconcileLedgerResponse:
        """Compare with the provider and with the ledger."""
        return await self._reconciler.reconcile()


class WebhookServicer(webhook_service_pb2_grpc.WebhookServiceServicer):
    """Serves atlas.billing.v1.WebhookService."""

    def __init__(self, edge: Edge) -> None:
        settings = cast(Settings, edge.settings)
        self._commands = edge.commands
        self._offsets = settings.dunning_offsets
        self._signatures = Signatures(settings.psp_webhook_secrets)

    async def ReceivePaymentWebhook(
        self, request: webhook_pb2.ReceivePaymentWebhookRequest, context: Context
    ) -> webhook_pb2.ReceivePaymentWebhookResponse:
        """Take a message of a provider. What nothing follows from is kept all the same, and refused."""
        if request.provider not in PROVIDERS:
            raise NotFound(f"there is no provider {request.provider}")
        headers = {str(key): value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        message_id = self._signatures.verify(request.payload.data, headers)
        response: webhook_pb2.ReceivePaymentWebhookResponse = await self._commands.submit(
            receive_command(self._offsets, message_id), request, context
        )
        if response.refused_field:
            broken = Violation(response.refused_field, response.refused_rule, "is not as we know it")
            raise ValidationFailed("the message is not about anything that was asked for", violations=(broken,))
        return response


def servicers(edge: Edge) -> list[Servicer]:
    """Return the servicers of this service."""
    return [
        Servicer(
            billing_service_pb2.DESCRIPTOR.services_by_name["BillingService"],
            BillingServicer(edge),
            billing_service_pb2_grpc.add_BillingServiceServicer_to_server,
        ),
        Servicer(
            document_service_pb2.DESCRIPTOR.services_by_name["DocumentService"],
            DocumentServicer(edge),
            document_service_pb2_grpc.add_DocumentServiceServicer_to_server,
        ),
        Servicer(
            ledger_service_pb2.DESCRIPTOR.services_by_name["LedgerService"],
            LedgerServicer(edge),
            ledger_service_pb2_grpc.add_LedgerServiceServicer_to_server,
        ),
        Servicer(
            webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"],
            WebhookServicer(edge),
            webhook_service_pb2_grpc.add_WebhookServiceServicer_to_server,
        ),
    ]
