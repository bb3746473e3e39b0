"""What a provider tells by himself: who may say it, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from atlas.billing.v1 import webhook_pb2
from billing_svc import webhook_wire
from billing_svc.accounts import decide, moment
from billing_svc.domain import collecting, ledger, refunding
from billing_svc.domain.dunning import Offsets
from billing_svc.domain.order_account import Change, OrderAccount
from billing_svc.domain.report import (
    FeeReport,
    Message,
    Mismatch,
    PaymentReport,
    PayoutReport,
    RefundReport,
    compare_payment,
    compare_refund,
)
from billing_svc.lookups import OfPayment, OfRefund, account_with
from billing_svc.posting import PostedJournal, is_posted, post
from chassis.errors import Unauthenticated
from chassis.handling import Command
from chassis.world import Context, Decision, Keys, World, keys

PROVIDERS = ("sandbox",)


class Signatures:
    """Proves that a body is the provider's, by Standard Webhooks: signed with one of the secrets, not five minutes off."""

    def __init__(self, secrets: SecretStr) -> None:
        self._webhooks = [Webhook(secret.strip()) for secret in secrets.get_secret_value().split(",")]

    def verify(self, body: bytes, headers: Mapping[str, str]) -> str:
        """Return the message's own id; Unauthenticated for anything that is not proved, without saying why."""
        for webhook in self._webhooks:
            try:
                webhook.verify(body, dict(headers), json_parse=False)
            except (WebhookVerificationError, ValueError):  # the library raises ValueError for headers of no shape
                continue
            return headers["webhook-id"]
        raise Unauthenticated("the signature is missing or not valid")


def receive(offsets: Offsets) -> Callable[[World, Message, Context], Decision]:
    """Make the decider on messages, where payments that were declined for now are tried again after these times."""

    def decide_on(world: World, message: Message, context: Context) -> Decision:
        """Keep a message, and let follow what it tells; once, whatever came before it and however often it comes."""
        if known := world.find(Message, message.key):
            return Decision(result=known)
        match message.report:
            case PaymentReport() as report:
                account = account_with(world, OfPayment, report.payment_id)
                refused = compare_payment(account, report)
                if account is None or refused:
                    return _kept(message.refused(refused))
                change = collecting.hear_payment(account, report.payment_id, report.answer, moment(context), offsets)
                return _applied(message, account, change, context)
            case RefundReport() as report:
                account = account_with(world, OfRefund, report.refund_id)
                refused = compare_refund(account, report)
                if account is None or refused:
                    return _kept(message.refused(refused))
                change = refunding.hear_report(account, report.refund_id, report.answer, moment(context))
                return _applied(message, account, change, context)
            case FeeReport() as report:
                if account_with(world, OfPayment, report.payment_id) is None:
                    return _kept(message.refused(Mismatch("data.intent_key", "key.known")))
                return _booked(world, message, ledger.fee_charged(report.fee_id, report.amount), context)
            case PayoutReport() as report:
                return _booked(world, message, ledger.paid_out(report.payout_id, report.amount), context)
            case None:
                return _kept(message)

    return decide_on


def _kept(message: Message) -> Decision:
    return Decision(changed=(message,), result=message)


def _applied(message: Message, account: OrderAccount, change: Change, context: Context) -> Decision:
    return decide(account, change, context, message, result=message)


def _booked(world: World, message: Message, journals: ledger.Journals, context: Context) -> Decision:
    new = tuple(journal for journal in journals if not is_posted(world, journal.ref))
    return Decision(changed=(message, *post(new, context)), result=message)


def _keys(message: Message) -> Keys:
    named = keys(Message, [message.key])
    match message.report:
        case PaymentReport(payment_id=payment_id):
            return named | keys(OfPayment, [payment_id])
        case RefundReport(refund_id=refund_id):
            return named | keys(OfRefund, [refund_id])
        case FeeReport(fee_id=fee_id, payment_id=payment_id):
            return named | keys(OfPayment, [payment_id]) | keys(PostedJournal, [f"fee/{fee_id}"])
        case PayoutReport(payout_id=payout_id):
            return named | keys(PostedJournal, [f"payout/{payout_id}"])
        case None:
            return named


def receive_command(offsets: Offsets, message_id: str) -> Command[Message]:
    """Return how the message with this id is handled; it is not in the request, as only the headers name it."""
    return Command(
        name="ReceivePaymentWebhook",
        response=webhook_pb2.ReceivePaymentWebhookResponse,
        parse=partial(webhook_wire.message, message_id=message_id),
        keys=_keys,
        decide=receive(offsets),
        encode=webhook_wire.received,
    )
