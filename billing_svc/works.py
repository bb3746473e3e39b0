"""What billing does when a time has come: ask the provider about a payment or a refund, or try a payment again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from billing_svc.accounts import DUNNING, PAYMENT, REFUND, account_of, decide, moment
from billing_svc.domain import collecting, refunding
from billing_svc.domain.dunning import Offsets
from billing_svc.domain.order_account import OrderAccount
from billing_svc.domain.provider_call import Answer
from billing_svc.provider import PaymentProvider, PaymentQuestion, RefundQuestion
from chassis.timers import Work
from chassis.world import Context, Decision, Keys, World, keys


def plan_payment(world: World, key: str, context: Context) -> PaymentQuestion | None:
    """Return what to ask about an attempt, as the order is now; nothing where its outcome is known."""
    order_id, payment_id = key.split("/")
    account = account_of(world, order_id)
    attempt, call = account.attempt(payment_id), account.next_call(payment_id)
    if attempt is None or call is None:
        return None
    return PaymentQuestion(call, order_id, payment_id, attempt.amount, attempt.payment_method)


def record_payment(offsets: Offsets) -> Callable[[World, PaymentQuestion, Answer, Context, int], Decision]:
    """Make the decider on what the provider answered about an attempt."""

    def decide_payment(world: World, question: PaymentQuestion, answer: Answer, context: Context, _tries: int) -> Decision:
        """Learn what the provider answered about an attempt; tries are counted by the attempt itself."""
        account = account_of(world, question.order_id)
        change = collecting.hear_payment(account, question.payment_id, answer, moment(context), offsets)
        return decide(account, change, context)

    return decide_payment


def plan_refund(world: World, key: str, context: Context) -> RefundQuestion | None:
    """Return what to give back, or nothing where that is done or given up."""
    order_id, refund_id = key.split("/")
    refund = account_of(world, order_id).refund(refund_id)
    if refund is None or not refund.is_open:
        return None
    return RefundQuestion(order_id, refund_id, refund.payment_id, refund.amount)


def record_refund(world: World, question: RefundQuestion, answer: Answer, context: Context, _tries: int) -> Decision:
    """Learn what the provider answered about a refund; tries are counted by the refund itself."""
    account = account_of(world, question.order_id)
    return decide(account, refunding.hear_refund(account, question.refund_id, answer, moment(context)), context)


def plan_dunning(world: World, key: str, context: Context) -> str | None:
    """Return the timer's key if another attempt has to follow now; nobody outside is asked."""
    order_id, payment_id = key.split("/")
    return key if account_of(world, order_id).is_due_again(payment_id, context.now) else None


def record_dunning(world: World, key: str, _answer: str, context: Context, _tries: int) -> Decision:
    """Begin the next attempt, if it is still wanted in this transaction."""
    order_id, payment_id = key.split("/")
    account = account_of(world, order_id)
    return decide(account, collecting.try_again(account, payment_id, moment(context)), context)


def _of_timer(key: str) -> Keys:
    return keys(OrderAccount, [key.split("/")[0]])


def works(provider: PaymentProvider, offsets: Offsets) -> dict[str, Work[Any, Any]]:
    """Return the works that ask a provider, and the one that tries again, by kind of timer."""
    return {
        PAYMENT: Work(_of_timer, plan_payment, provider.ask_payment, record_payment(offsets)),
        REFUND: Work(_of_timer, plan_refund, provider.ask_refund, record_refund),
        DUNNING: Work(_of_timer, plan_dunning, lambda key: key, record_dunning),
    }
