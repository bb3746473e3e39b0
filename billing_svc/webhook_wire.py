"""Where what a provider sends by himself meets the domain: his JSON, and the request that carries it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from atlas.billing.v1 import webhook_pb2
from billing_svc.domain.report import UNREADABLE, FeeReport, Message, PaymentReport, PayoutReport, RefundReport, Report
from billing_svc.provider import UNREADABLE as NO_SHAPE_OF_HIS
from billing_svc.provider import read_amount, read_answer
from chassis.money import Money
from chassis.world import World

MAX_ID: Final = 255


def message(request: webhook_pb2.ReceivePaymentWebhookRequest, message_id: str) -> Message:
    """Read a message that is proved to be the provider's. One that cannot be read is kept, and nothing follows from it."""
    body = request.payload.data.decode().replace("\0", "\ufffd")  # no text in PostgreSQL holds a NUL
    kind = ""
    try:
        said = json.loads(body)
        kind = _text(said["type"])
        read = _READERS.get(kind)
        return Message(request.provider, message_id, kind, body, read(said["data"]) if read else None)
    except NO_SHAPE_OF_HIS:
        return Message(request.provider, message_id, kind, body, mismatch=UNREADABLE)


def _payment(data: dict[str, Any]) -> Report:
    reference = data["reference"]
    return PaymentReport(
        payment_id=_text(data["key"]),
        reference=None if reference is None else _text(reference),
        asked=read_amount(data),
        answer=read_answer(data),
    )


def _refund(data: dict[str, Any]) -> Report:
    return RefundReport(_text(data["key"]), _text(data["intent_key"]), _amount(data), read_answer(data))


def _fee(data: dict[str, Any]) -> Report:
    return FeeReport(_text(data["fee_id"]), _text(data["intent_key"]), _amount(data))


def _payout(data: dict[str, Any]) -> Report:
    return PayoutReport(_text(data["payout_id"]), _amount(data))


_READERS: Final[dict[str, Callable[[dict[str, Any]], Report]]] = {
    "payment_intent.succeeded": _payment,
    "payment_intent.declined": _payment,
    "payment_intent.canceled": _payment,
    "refund.succeeded": _refund,
    "refund.failed": _refund,
    "fee.charged": _fee,
    "payout.paid": _payout,
}


def _text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID or not value.isprintable():
        raise ValueError("a text that is no id")
    return value


def _amount(data: dict[str, Any]) -> Money:
    amount = read_amount(data)
    if amount is None:
        raise ValueError("no amount")
    return amount


def received(_world: World, kept: Message) -> webhook_pb2.ReceivePaymentWebhookResponse:
    """Answer ReceivePaymentWebhook."""
    refused = kept.mismatch
    if refused is None:
        return webhook_pb2.ReceivePaymentWebhookResponse()
    return webhook_pb2.ReceivePaymentWebhookResponse(refused_field=refused.field, refused_rule=refused.rule)
