"""The deciders of commands: one for each RPC that has an effect, and their table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from atlas.billing.v1 import credit_note_pb2, invoice_pb2, payment_pb2, refund_pb2
from billing_svc import command_wire, parts
from billing_svc.accounts import decide, drawn, moment
from billing_svc.domain import allowance, paying, refunding
from billing_svc.domain.commands import CreateCreditNote, PayInvoice, RefundPayment, ResolvePayment, RetryRefund, VoidInvoice
from billing_svc.domain.errors import NotThere
from billing_svc.domain.invoice import Person
from billing_svc.domain.numbering import CREDIT_NOTE, Counter
from billing_svc.domain.order_account import Change, OrderAccount
from billing_svc.lookups import OfInvoice, OfPayment, OfRefund, account_with
from chassis.handling import Command
from chassis.world import Context, Decision, Keys, World, keys


class Result(NamedTuple):
    """What answers a command: a part of an order's account, by its key."""

    order_id: str
    key: str


def pay_invoice(methods: Sequence[str]) -> Callable[[World, PayInvoice, Context], Decision]:
    """Make the decider for a provider that takes these payment methods."""

    def decide_to_pay(world: World, command: PayInvoice, context: Context) -> Decision:
        """Begin an attempt to be paid."""
        account = _found(world, OfInvoice, command.invoice_id)
        change = paying.pay(account, command.payment_method, methods, moment(context))
        return _decide(account, change, context, change.account.attempts[-1].payment_id)

    return decide_to_pay


def void_invoice(world: World, command: VoidInvoice, context: Context) -> Decision:
    """Void an invoice on which nothing was paid."""
    account = _found(world, OfInvoice, command.invoice_id)
    paying.expect(command.expected_version, parts.version(world, account, parts.INVOICE, command.invoice_id))
    change = paying.void(account, command.reason, command.comment, moment(context))
    return _decide(account, change, context, command.invoice_id)


def create_credit_note(world: World, command: CreateCreditNote, context: Context) -> Decision:
    """Credit units that were shipped."""
    account = _found(world, OfInvoice, command.invoice_id)
    counter, why = drawn(world, CREDIT_NOTE, context), _why(command, context)
    change, key = allowance.credit_units(account, command.units, counter.text, why, moment(context))
    return _decide(account, change, context, key, counter)


def refund_payment(world: World, command: RefundPayment, context: Context) -> Decision:
    """Give a part of a payment back."""
    account = _found(world, OfPayment, command.payment_id)
    counter, why = drawn(world, CREDIT_NOTE, context), _why(command, context)
    change, key = allowance.refund(account, command.payment_id, command.amount, counter.text, why, moment(context))
    return _decide(account, change, context, key, counter)


def resolve_payment(world: World, command: ResolvePayment, context: Context) -> Decision:
    """Ask the provider now what became of a payment."""
    account = _found(world, OfPayment, command.payment_id)
    return _decide(account, paying.resolve(account, command.payment_id, moment(context)), context, command.payment_id)


def retry_refund(world: World, command: RetryRefund, context: Context) -> Decision:
    """Try a refund again."""
    account = _found(world, OfRefund, command.refund_id)
    return _decide(account, refunding.retry(account, command.refund_id, moment(context)), context, command.refund_id)


_NAMES: dict[Any, str] = {OfInvoice: "invoice", OfPayment: "payment", OfRefund: "refund"}


def _found(world: World, kind: type, key: str) -> OrderAccount:
    account = account_with(world, kind, key)
    if account is None:
        raise NotThere(_NAMES[kind], key)
    return account


def _decide(account: OrderAccount, change: Change, context: Context, key: str, *more: Counter) -> Decision:
    return decide(account, change, context, *more, result=Result(account.order_id, key))


def _why(command: CreateCreditNote | RefundPayment, context: Context) -> allowance.Why:
    actor = context.actor
    return allowance.Why(command.reason, command.comment, Person(actor.issuer, actor.subject, actor.username))


def _answer(kind: parts.Kind, write: Callable[[Any], Any]) -> Callable[[World, Result], Any]:
    """Make the encoder of an answer that shows one part of an account."""

    def encode(world: World, result: Result) -> Any:
        account = world.find(OrderAccount, result.order_id)
        assert account is not None, "it was decided on"  # noqa: S101 - narrows the type
        return write(parts.part(world, account, kind, result.key))

    return encode


def _invoice(command: PayInvoice | VoidInvoice) -> Keys:
    return keys(OfInvoice, [command.invoice_id])


def pay_invoice_command(methods: Sequence[str]) -> Command[PayInvoice]:
    """Return how PayInvoice is handled where the provider takes these payment methods."""
    return Command(
        name="PayInvoice",
        response=payment_pb2.PayInvoiceResponse,
        parse=command_wire.pay_invoice,
        keys=_invoice,
        decide=pay_invoice(methods),
        encode=_answer(parts.PAYMENT, command_wire.paid),
    )


VOID_INVOICE = Command(
    name="VoidInvoice",
    response=invoice_pb2.VoidInvoiceResponse,
    parse=command_wire.void_invoice,
    keys=_invoice,
    decide=void_invoice,
    encode=_answer(parts.INVOICE, command_wire.voided),
)
CREATE_CREDIT_NOTE = Command(
    name="CreateCreditNote",
    response=credit_note_pb2.CreateCreditNoteResponse,
    parse=command_wire.create_credit_note,
    keys=lambda command: keys(OfInvoice, [command.invoice_id]) | keys(Counter, [CREDIT_NOTE]),
    decide=create_credit_note,
    encode=_answer(parts.CREDIT_NOTE, command_wire.credited),
)
REFUND_PAYMENT = Command(
    name="RefundPayment",
    response=payment_pb2.RefundPaymentResponse,
    parse=command_wire.refund_payment,
    keys=lambda command: keys(OfPayment, [command.payment_id]) | keys(Counter, [CREDIT_NOTE]),
    decide=refund_payment,
    encode=_answer(parts.REFUND, command_wire.refunded),
)
RESOLVE_PAYMENT = Command(
    name="ResolvePayment",
    response=payment_pb2.ResolvePaymentResponse,
    parse=command_wire.resolve_payment,
    keys=lambda command: keys(OfPayment, [command.payment_id]),
    decide=resolve_payment,
    encode=_answer(parts.PAYMENT, command_wire.resolved),
)
RETRY_REFUND = Command(
    name="RetryRefund",
    response=refund_pb2.RetryRefundResponse,
    parse=command_wire.retry_refund,
    keys=lambda command: keys(OfRefund, [command.refund_id]),
    decide=retry_refund,
    encode=_answer(parts.REFUND, command_wire.retried),
)
