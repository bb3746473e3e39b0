"""What every decider of billing does: find an order's account, draw a number, and turn a change into a decision."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from billing_svc.domain.numbering import Counter
from billing_svc.domain.order_account import Change, Moment, OrderAccount
from billing_svc.posting import post
from chassis.world import NOTHING, Context, Decision, Timer, World

PAYMENT, REFUND, DUNNING = "payment", "refund", "dunning"
"""The kinds of timers; their keys are ORDER_ID/PAYMENT_ID or ORDER_ID/REFUND_ID."""


def account_of(world: World, order_id: str) -> OrderAccount:
    """Return the order's account, a new one where this is the first that is heard of the order."""
    return world.find(OrderAccount, order_id) or OrderAccount(order_id)


def moment(context: Context) -> Moment:
    """Return the time and the source of ids as the domain takes them."""
    return Moment(context.now, context.new_id)


def drawn(world: World, key: str, context: Context) -> Counter:
    """Return a series after its next number was drawn; it is used only if the decision says so."""
    return (world.find(Counter, key) or Counter(key, 0, 0)).drawn(context.now.astimezone(UTC).year)


def if_credited(counter: Counter, before: OrderAccount, change: Change) -> tuple[Counter, ...]:
    """Return the series of credit notes where a change issues one."""
    return (counter,) if len(change.account.credit_notes) > len(before.credit_notes) else ()


def decide(before: OrderAccount, change: Change, context: Context, *more: Any, result: Any = None) -> Decision:
    """Return a change as a decision: with its journals, what `more` changed, and a timer for whatever moved in time."""
    is_new = before == OrderAccount(before.order_id)
    if change == Change(before) and not is_new and not more and result is None:
        return NOTHING
    account = (change.account,) if is_new or change.account != before else ()
    return Decision(
        changed=(*account, *post(change.journals, context), *more),
        events=change.events,
        timers=_timers(before, change.account),
        result=result,
    )


def _timers(before: OrderAccount, after: OrderAccount) -> tuple[Timer, ...]:
    was = _due(before)
    return tuple(Timer(*it, due) for it, due in _due(after).items() if was.get(it) != due)


def _due(account: OrderAccount) -> dict[tuple[str, str], datetime | None]:
    calls = {(PAYMENT, f"{account.key}/{a.payment_id}"): a.next_call_time for a in account.attempts}
    again = {(DUNNING, f"{account.key}/{a.payment_id}"): a.next_attempt_time for a in account.attempts}
    refunds = {(REFUND, f"{account.key}/{r.refund_id}"): r.next_call_time for r in account.refunds}
    return calls | again | refunds
