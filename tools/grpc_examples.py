"""The calls of docs/grpc-cheatsheet.md: one example of every RPC, in the order in which they work one after the other.

In a body, a string that is `$NAME` is a shell variable; an earlier example, or a line before it, has set it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

WAIT: Final = "x-wait-seconds: 10"


@dataclass(frozen=True, slots=True)
class Example:
    """One call of an RPC.

    `keep` names a shell variable and the place in the answer whose value it takes; `headers` are sent beside token and key;
    `needs` is what is placed, made or read first, `said` a sentence about it. What has not happened yet is asked for
    `until` it has.
    """

    rpc: str
    body: Mapping[str, Any]
    keep: tuple[str, str] | None = None
    headers: tuple[str, ...] = ()
    needs: tuple[Example | str, ...] = ()
    said: str = ""
    until: str = ""


def _money(minor_units: int) -> Mapping[str, Any]:
    return {"currency_code": "EUR", "minor_units": minor_units}


def _order(variable: str, sku: str, unit_price: int, quantity: int = 1, method: str = "pm_ok") -> Example:
    lines = [{"sku": sku, "quantity": quantity, "unit_price": _money(unit_price), "tax_rate_basis_points": 2000}]
    body = {"customer_id": "cust-1001", "currency_code": "EUR", "payment_method": method, "lines": lines}
    return Example("orders.v1.OrderService/PlaceOrder", body, (variable, "order.orderId"), (WAIT,))


def _price(sku: str) -> Example:
    body = {"sku": sku, "unit_price": _money(1999), "tax_rate_basis_points": 2000}
    return Example("orders.v1.PriceService/SetPrice", body)


def _invoice(variable: str, order: str) -> Example:
    return Example("billing.v1.BillingService/ListInvoices", {"order_id": order}, (variable, "invoices.0.invoiceId"))


def _approval(variable: str, order: str) -> Example:
    body = {"order_id": order}
    return Example("workflow.v1.WorkflowService/ListApprovals", body, (variable, "approvals.0.approvalId"))


PRICES = (
    Example(
        "orders.v1.PriceService/SetPrice",
        {"sku": "LAMP-01", "unit_price": _money(1999), "tax_rate_basis_points": 2000},
        ("PRICE_ID", "price.priceId"),
        said="Whoever may not set prices orders at these.",
    ),
    Example("orders.v1.PriceService/GetPrice", {"price_id": "$PRICE_ID"}),
    Example("orders.v1.PriceService/ListPrices", {"sku": "LAMP-01", "page_size": 1}),
)
ORDERS = (
    _order("ORDER_ID", "LAMP-01", 1999),
    Example(
        "orders.v1.OrderService/QuoteOrder",
        {
            "customer_id": "cust-1001",
            "currency_code": "EUR",
            "payment_method": "pm_ok",
            "lines": [{"sku": "LAMP-01", "quantity": 3, "unit_price": _money(1999), "tax_rate_basis_points": 2000}],
        },
    ),
    Example("orders.v1.OrderService/GetOrder", {"order_id": "$ORDER_ID"}),
    Example("orders.v1.OrderService/ListOrders", {"state": ["ORDER_STATE_CONFIRMED"], "page_size": 1}),
    Example(
        "orders.v1.OrderService/FulfillOrder",
        {"order_id": "$ORDER_ID", "tracking_reference": "TRACK-1"},
        ("FULFILLMENT_ID", "fulfillment.fulfillmentId"),
    ),
    Example("orders.v1.OrderService/GetFulfillment", {"order_id": "$ORDER_ID", "fulfillment_id": "$FULFILLMENT_ID"}),
    Example("orders.v1.OrderService/ListFulfillments", {"order_id": "$ORDER_ID"}),
    Example(
        "orders.v1.OrderService/CancelOrder",
        {"order_id": "$CANCELLED_ID", "reason": "CANCEL_REASON_CUSTOMER_REQUEST", "comment": "changed my mind"},
        headers=(WAIT,),
        needs=(_order("CANCELLED_ID", "LAMP-01", 1999),),
    ),
    Example(
        "orders.v1.OrderService/CancelRemaining",
        {"order_id": "$PART_ID", "reason": "CANCEL_REASON_OUT_OF_STOCK", "comment": "the other one is broken"},
        headers=(WAIT,),
        needs=(
            _order("PART_ID", "LAMP-01", 1999, 2),
            Example(
                "orders.v1.OrderService/FulfillOrder", {"order_id": "$PART_ID", "lines": [{"line_number": 1, "quantity": 1}]}
            ),
        ),
    ),
)
INVENTORY = (
    Example(
        "inventory.v1.InventoryService/CreateItem",
        {"sku": "$SKU", "name": "Desk lamp", "standard_cost": _money(1200)},
        needs=("SKU=LAMP-$(date +%s%N)",),
    ),
    Example("inventory.v1.InventoryService/GetItem", {"sku": "$SKU"}),
    Example("inventory.v1.InventoryService/ListItems", {"page_size": 1}),
    Example("inventory.v1.InventoryService/UpdateItem", {"sku": "$SKU", "standard_cost": _money(1300)}),
    Example(
        "inventory.v1.InventoryService/ReceiveStock",
        {"reference": "PO-77", "lines": [{"sku": "$SKU", "quantity": 10}]},
        ("RECEIPT_ID", "receipt.receiptId"),
    ),
    Example("inventory.v1.InventoryService/GetReceipt", {"receipt_id": "$RECEIPT_ID"}),
    Example("inventory.v1.InventoryService/ListReceipts", {"reference": "PO-77", "page_size": 1}),
    Example(
        "inventory.v1.InventoryService/AdjustStock",
        {"reason": "ADJUSTMENT_REASON_DAMAGED", "comment": "fell down", "lines": [{"sku": "$SKU", "quantity": -2}]},
        ("ADJUSTMENT_ID", "adjustment.adjustmentId"),
    ),
    Example("inventory.v1.InventoryService/GetAdjustment", {"adjustment_id": "$ADJUSTMENT_ID"}),
    Example("inventory.v1.InventoryService/ListAdjustments", {"page_size": 1}),
    Example("inventory.v1.InventoryService/ListMovements", {"sku": "$SKU"}),
    Example("inventory.v1.InventoryService/GetReservation", {"order_id": "$ORDER_ID"}),
    Example("inventory.v1.InventoryService/ListReservations", {"page_size": 1}),
    Example("inventory.v1.InventoryService/ListBackorders", {"page_size": 1}),
    Example(
        "inventory.v1.InventoryService/AnnounceStock",
        {"reference": "PO-78", "expected_time": "2099-01-31T12:00:00Z", "lines": [{"sku": "$SKU", "quantity": 20}]},
        ("ANNOUNCEMENT_ID", "announcement.announcementId"),
    ),
    Example("inventory.v1.InventoryService/GetAnnouncement", {"announcement_id": "$ANNOUNCEMENT_ID"}),
    Example("inventory.v1.InventoryService/ListAnnouncements", {"reference": "PO-78", "page_size": 1}),
    Example("inventory.v1.InventoryService/GetAvailability", {"lines": [{"sku": "$SKU", "quantity": 12}]}),
    Example(
        "inventory.v1.InventoryService/PrioritizeBackorder",
        {"order_id": "$WAITING_ID", "priority": 5, "comment": "promised by phone"},
        needs=(_price("$SKU"), _order("WAITING_ID", "$SKU", 1999, 12)),
    ),
    Example(
        "inventory.v1.InventoryService/ReleaseHeldStock",
        {"order_id": "$WAITING_ID", "comment": "another order can be completed with it"},
    ),
)
BILLING = (
    Example("billing.v1.BillingService/ListInvoices", {"order_id": "$ORDER_ID"}, ("INVOICE_ID", "invoices.0.invoiceId")),
    Example("billing.v1.BillingService/GetInvoice", {"invoice_id": "$INVOICE_ID"}),
    Example("billing.v1.BillingService/ListPayments", {"order_id": "$ORDER_ID"}, ("PAYMENT_ID", "payments.0.paymentId")),
    Example("billing.v1.BillingService/GetPayment", {"payment_id": "$PAYMENT_ID"}),
    Example("billing.v1.BillingService/ListRefunds", {"order_id": "$CANCELLED_ID"}, ("REFUND_ID", "refunds.0.refundId")),
    Example("billing.v1.BillingService/GetRefund", {"refund_id": "$REFUND_ID"}),
    Example(
        "billing.v1.BillingService/ListCreditNotes",
        {"order_id": "$CANCELLED_ID"},
        ("CREDIT_NOTE_ID", "creditNotes.0.creditNoteId"),
    ),
    Example("billing.v1.BillingService/GetCreditNote", {"credit_note_id": "$CREDIT_NOTE_ID"}),
    Example("billing.v1.BillingService/ListAccounts", {"page_size": 3}),
    Example("billing.v1.BillingService/ListJournals", {"order_id": "$ORDER_ID"}, ("JOURNAL_ID", "journals.0.journalId")),
    Example("billing.v1.BillingService/GetJournal", {"journal_id": "$JOURNAL_ID"}),
    Example("billing.v1.BillingService/GetTrialBalance", {}),
    Example(
        "billing.v1.BillingService/CreateCreditNote",
        {
            "invoice_id": "$PART_INVOICE_ID",
            "reason": "CREDIT_REASON_DAMAGED",
            "comment": "a scratch",
            "lines": [{"line_number": 1, "quantity": 1}],
        },
        needs=(_invoice("PART_INVOICE_ID", "$PART_ID"),),
        said="What was shipped is credited, and given back where it was paid.",
    ),
    Example(
        "billing.v1.BillingService/RefundPayment",
        {"payment_id": "$PAYMENT_ID", "amount": _money(500), "reason": "CREDIT_REASON_GOODWILL", "comment": "for the wait"},
    ),
    Example(
        "billing.v1.BillingService/PayInvoice",
        {"invoice_id": "$UNPAID_INVOICE_ID", "payment_method": "pm_slow"},
        ("OPEN_PAYMENT_ID", "payment.paymentId"),
        needs=(_order("UNPAID_ID", "LAMP-01", 1999, method="pm_declined_hard"), _invoice("UNPAID_INVOICE_ID", "$UNPAID_ID")),
        said="An order whose payment was declined is paid another way.",
    ),
    Example("billing.v1.BillingService/ResolvePayment", {"payment_id": "$OPEN_PAYMENT_ID"}),
    Example(
        "billing.v1.BillingService/VoidInvoice",
        {"invoice_id": "$VOID_INVOICE_ID", "reason": "VOID_REASON_DUPLICATE", "comment": "ordered twice"},
        needs=(_order("VOID_ID", "LAMP-01", 1999, method="pm_declined_hard"), _invoice("VOID_INVOICE_ID", "$VOID_ID")),
    ),
    Example(
        "billing.v1.BillingService/RetryRefund",
        {"refund_id": "$FAILED_REFUND_ID"},
        needs=(
            _order("STUCK_ID", "LAMP-01", 1999, method="pm_refund_fails"),
            Example(
                "orders.v1.OrderService/CancelOrder",
                {"order_id": "$STUCK_ID", "reason": "CANCEL_REASON_CUSTOMER_REQUEST"},
                headers=(WAIT,),
            ),
            Example(
                "billing.v1.BillingService/ListRefunds",
                {"order_id": "$STUCK_ID", "state": ["REFUND_STATE_FAILED"]},
                ("FAILED_REFUND_ID", "refunds.0.refundId"),
                until="the provider has refused it six times",
            ),
        ),
    ),
    Example("billing.v1.DocumentService/GetInvoiceDocument", {"invoice_id": "$INVOICE_ID", "format": "DOCUMENT_FORMAT_HTML"}),
    Example("billing.v1.DocumentService/GetCreditNoteDocument", {"credit_note_id": "$CREDIT_NOTE_ID"}),
    Example("billing.v1.LedgerService/VerifyLedger", {}),
    Example("billing.v1.LedgerService/ReconcileLedger", {}),
    Example(
        "billing.v1.WebhookService/ReceivePaymentWebhook",
        {"provider": "sandbox", "payload": {"content_type": "application/json", "data": "$MESSAGE"}},
        headers=("webhook-id: $MESSAGE_ID", "webhook-timestamp: $SENT", "webhook-signature: v1,$SIGNATURE"),
        needs=(
            "MESSAGE_ID=msg_$(date +%s%N) SENT=$(date +%s)",
            'PAYOUT=\'{"type": "payout.paid", "data": {"payout_id": "\'$MESSAGE_ID\'", "minor_units": 100, '
            '"currency_code": "EUR"}}\' MESSAGE=$(printf %s "$PAYOUT" | base64 -w0)',
            'SIGNATURE=$(printf %s "$MESSAGE_ID.$SENT.$PAYOUT" |'
            " openssl dgst -sha256 -hmac sandbox-webhook-key-1 -binary | base64)",
        ),
        said="It takes no token: what counts is the provider's signature over the body, by Standard Webhooks.",
    ),
)
WORKFLOW = (
    Example(
        "workflow.v1.WorkflowService/ListApprovals",
        {"order_id": "$LARGE_ID"},
        ("APPROVAL_ID", "approvals.0.approvalId"),
        needs=(_order("LARGE_ID", "DESK-02", 125_000),),
        said="Orders of 1,000.00 EUR and more ask for an approver.",
    ),
    Example("workflow.v1.WorkflowService/GetApproval", {"approval_id": "$APPROVAL_ID"}),
    Example(
        "workflow.v1.WorkflowService/ApproveRequest",
        {"approval_id": "$APPROVAL_ID", "terms_version": 1, "total": _money(150_000), "comment": "fine"},
    ),
    Example(
        "workflow.v1.WorkflowService/RejectRequest",
        {"approval_id": "$UNWANTED_ID", "terms_version": 1, "total": _money(150_000), "comment": "over the budget"},
        needs=(_order("LARGE_ID", "DESK-02", 125_000), _approval("UNWANTED_ID", "$LARGE_ID")),
    ),
    Example("workflow.v1.WorkflowService/ListPolicies", {}),
    Example("workflow.v1.WorkflowService/GetPolicy", {"policy_id": "orders-default"}),
    Example(
        "workflow.v1.WorkflowService/EvaluatePolicy",
        {"policy_id": "orders-default", "total": _money(1_200_000), "customer_id": "cust-1001"},
    ),
)
REPORTING = (
    Example("reporting.v1.ReportingService/GetTimeline", {"order_id": "$ORDER_ID"}, until="the read model has followed"),
    Example("reporting.v1.ReportingService/ListOrderSummaries", {"page_size": 1}),
)
BROKEN = """BROKEN=BROKEN-$(date +%s%N)
EVENT='{"metadata": {"event_id": "'$(python3 -c 'import uuid; print(uuid.uuid4())')'", "event_type": "StockReceived",
  "schema_version": 1, "occur_time": "2026-01-31T12:00:00Z", "producer": "inventory-svc",
  "stream_key": "'$BROKEN'", "stream_sequence": 1},
 "stock_received": {"sku": "'$BROKEN'", "movement_id": "01980000-0000-7000-8000-000000000001", "quantity": 1,
  "value_change": {"currency_code": "eur", "minor_units": 1200}}}'
buf convert proto --type atlas.inventory.v1.InventoryEvent --from -#format=json <<<"$EVENT" | python3 -c '
import confluent_kafka, sys
producer = confluent_kafka.Producer({"bootstrap.servers": sys.argv[1]})
producer.produce("atlas.inventory.v1", sys.stdin.buffer.read(), key=sys.argv[2])
producer.flush()' "$ATLAS_KAFKA" "$BROKEN\""""
OPS = (
    Example("ops.v1.OpsService/ListOutbox", {"service": "billing", "page_size": 1}),
    Example("ops.v1.OpsService/ListAudit", {"service": "billing", "page_size": 1}),
    Example(
        "ops.v1.OpsService/ListParked",
        {"service": "billing", "stream_key": "$BROKEN"},
        ("PARKED_ID", "parkedEvents.0.parkedEventId"),
        needs=(BROKEN,),
        said="An event that billing cannot book (its currency is in small letters), put on the topic by hand, waits there.",
        until="the consumer has read it",
    ),
    Example("ops.v1.OpsService/RetryParked", {"service": "billing", "parked_event_id": "$PARKED_ID"}),
    Example(
        "ops.v1.OpsService/ListDeadLetters",
        {"service": "billing", "stream_key": "$BROKEN"},
        ("LETTER_ID", "deadLetters.0.deadLetterId"),
        until="it has failed five times, within 15 seconds",
    ),
    Example(
        "ops.v1.OpsService/ReplayDeadLetter",
        {"service": "billing", "dead_letter_id": "$LETTER_ID", "reason": "DEAD_LETTER_REASON_CAUSE_REPAIRED"},
    ),
    Example(
        "ops.v1.OpsService/DiscardDeadLetter",
        {
            "service": "billing",
            "dead_letter_id": "$LETTER_ID",
            "reason": "DEAD_LETTER_REASON_HANDLED_ELSEWHERE",
            "comment": "booked by hand",
        },
        until="it is dead again: nothing was repaired",
    ),
    Example("ops.v1.OpsService/GetClock", {"service": "billing"}),
    Example("ops.v1.OpsService/AdvanceClock", {"service": "billing", "seconds": 1}),
    Example("ops.v1.OpsService/CheckInvariants", {"service": "billing"}),
    Example("ops.v1.OpsService/RewindConsumer", {"service": "billing"}),
)
EXAMPLES: Final = (*PRICES, *ORDERS, *INVENTORY, *BILLING, *WORKFLOW, *REPORTING, *OPS)
