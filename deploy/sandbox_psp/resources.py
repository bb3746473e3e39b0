"""Intents, refunds, fees, payouts and messages as a merchant sees them, in answers and in webhooks."""

from __future__ import annotations

from typing import Any

from deploy.sandbox_psp.earnings import Fee, Payout
from deploy.sandbox_psp.intents import Intent, Refund
from deploy.sandbox_psp.messages import Message, time_text


def intent_json(intent: Intent, now: float) -> dict[str, Any]:
    """Show an intent as it is at a time; all amounts are null in a tombstone."""
    state, request, received = intent.state(now), intent.request, intent.received_by(now)
    is_declined = state == "DECLINED"
    return {
        "intent_id": intent.intent_id,
        "key": intent.key,
        "state": state,
        "decline_kind": intent.decline_kind if is_declined else None,
        "decline_code": intent.decline_code if is_declined else None,
        "minor_units": request.minor_units if request else None,
        "currency_code": request.currency_code if request else None,
        "received_minor_units": received.minor_units if received else None,
        "received_currency_code": received.currency_code if received else None,
        "payment_method": request.payment_method if request else None,
        "reference": request.reference if request else None,
        "create_time": time_text(intent.create_time),
    }


def refund_json(refund: Refund, now: float) -> dict[str, Any]:
    """Show a refund as it is at a time."""
    return {
        "refund_id": refund.refund_id,
        "key": refund.key,
        "intent_key": refund.request.intent_key,
        "state": refund.state(now),
        "failure_code": refund.failure_code,
        "minor_units": refund.request.minor_units,
        "currency_code": refund.currency_code,
        "create_time": time_text(refund.create_time),
    }


def fee_json(fee: Fee) -> dict[str, Any]:
    """Show a fee; its time is the envelope's."""
    return {
        "fee_id": fee.fee_id,
        "intent_key": fee.intent_key,
        "minor_units": fee.amount.minor_units,
        "currency_code": fee.amount.currency_code,
    }


def payout_json(payout: Payout) -> dict[str, Any]:
    """Show a payout; its time is the envelope's."""
    return {
        "payout_id": payout.payout_id,
        "minor_units": payout.amount.minor_units,
        "currency_code": payout.amount.currency_code,
    }


def with_time(shown: dict[str, Any], create_time: float) -> dict[str, Any]:
    """Add when it was made, where no envelope says so."""
    return {**shown, "create_time": time_text(create_time)}


def message_json(message: Message) -> dict[str, Any]:
    """Show how far a message has come; `status` is the receiver's last, null where there was none."""
    return {
        "id": message.message_id,
        "type": message.type,
        "tries": message.tries,
        "state": message.state,
        "status": message.status,
    }
