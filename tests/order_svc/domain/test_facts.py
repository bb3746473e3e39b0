"""The gate for any change of the saga: however an order's facts are delivered, it ends the same.

A schedule is what one order really hears, drawn by scenario: each stream in its own order. Between the streams anything
may come first, and everything may come again. Only what follows a command (an answer to a cancellation, say) comes after it.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_svc.domain import order as orders
from order_svc.domain.errors import OrderNotCancellable
from order_svc.domain.facts import Approval, Fact, Outcome
from order_svc.domain.order import Order, Settlement, State
from order_svc.domain.shown import ShownFacts, show
from tests.order_svc.builders import (
    BACKORDERED,
    BUYER,
    DEADLINES,
    DECLINED_FINALLY,
    DECLINED_SOFT,
    EXPIRED,
    GRANTED,
    INVOICED,
    LATE_MONEY,
    LATER,
    NOT_REQUIRED,
    PAID,
    PAYMENT_ID,
    PENDING,
    REJECTED,
    RELEASED,
    REQUESTED,
    RESERVED,
    UNKNOWN,
    UNKNOWN_ITEM,
    VOIDED,
    an_order,
    closed,
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What an order hears before and after its cancellation; one that is not cancelled by its buyer has no `after`."""

    before: tuple[Fact, ...]
    after: tuple[Fact, ...] | None
    state: State
    settlement: Settlement | None


GOOD = (RESERVED, INVOICED, PENDING, PAID)
REFUNDED = closed(Outcome.REFUNDED, 1, PAYMENT_ID)

SCENARIOS = {
    "happy": Scenario((NOT_REQUIRED, *GOOD), None, State.CONFIRMED, None),
    "backordered, then happy": Scenario((NOT_REQUIRED, BACKORDERED, *GOOD), None, State.CONFIRMED, None),
    "backordered still": Scenario((NOT_REQUIRED, BACKORDERED), None, State.BACKORDERED, None),
    "unknown item": Scenario(
        (NOT_REQUIRED, UNKNOWN_ITEM, RELEASED, closed(Outcome.NEVER_ISSUED)), None, State.CANCELLED, Settlement.SETTLED
    ),
    "approval granted": Scenario((REQUESTED, *GOOD, GRANTED), None, State.CONFIRMED, None),
    "approval pending": Scenario((REQUESTED, *GOOD), None, State.AWAITING_APPROVAL, None),
    "approval rejected": Scenario((REQUESTED, *GOOD, REJECTED, RELEASED, REFUNDED), None, State.CANCELLED, Settlement.SETTLED),
    "approval expired": Scenario((REQUESTED, *GOOD, EXPIRED, RELEASED, REFUNDED), None, State.CANCELLED, Settlement.SETTLED),
    "payment failed for good": Scenario(
        (NOT_REQUIRED, RESERVED, INVOICED, PENDING, DECLINED_FINALLY), None, State.PAYMENT_FAILED, None
    ),
    "one attempt failed, then succeeded": Scenario(
        (NOT_REQUIRED, RESERVED, INVOICED, UNKNOWN, DECLINED_SOFT, PAID), None, State.CONFIRMED, None
    ),
    "failed for good, then succeeded": Scenario(
        (NOT_REQUIRED, RESERVED, INVOICED, DECLINED_FINALLY, PAID), None, State.CONFIRMED, None
    ),
    "failed, cancelled": Scenario(
        (NOT_REQUIRED, RESERVED, INVOICED, DECLINED_FINALLY),
        (VOIDED, closed(Outcome.VOIDED), RELEASED),
        State.CANCELLED,
        Settlement.SETTLED,
    ),
    "cancelled at once": Scenario((), (RELEASED, closed(Outcome.NEVER_ISSUED)), State.CANCELLED, Settlement.SETTLED),
    "cancelled while reserving": Scenario(
        (NOT_REQUIRED,), (RESERVED, RELEASED, closed(Outcome.NEVER_ISSUED)), State.CANCELLED, Settlement.SETTLED
    ),
    "cancelled while unknown, late success": Scenario(
        (NOT_REQUIRED, RESERVED, INVOICED, UNKNOWN),
        (LATE_MONEY, VOIDED, RELEASED, REFUNDED),
        State.CANCELLED,
        Settlement.SETTLED,
    ),
    "late success after the void": Scenario(
        (NOT_REQUIRED, RESERVED, INVOICED, UNKNOWN),
        (VOIDED, RELEASED, closed(Outcome.VOIDED), LATE_MONEY, closed(Outcome.REFUNDED, 2, PAYMENT_ID)),
        State.CANCELLED,
        Settlement.SETTLED,
    ),
    "late success not given back yet": Scenario(
        (NOT_REQUIRED, RESERVED, INVOICED, UNKNOWN),
        (VOIDED, RELEASED, closed(Outcome.VOIDED), LATE_MONEY),
        State.CANCELLED,
        Settlement.PENDING,
    ),
    "cancelled after it was paid": Scenario((NOT_REQUIRED, *GOOD), (RELEASED, REFUNDED), State.CANCELLED, Settlement.SETTLED),
    "paid, cancelled, granted late": Scenario(
        (REQUESTED, *GOOD), (GRANTED, RELEASED, REFUNDED), State.CANCELLED, Settlement.SETTLED
    ),
    "the refund failed": Scenario(
        (NOT_REQUIRED, *GOOD),
        (RELEASED, closed(Outcome.REFUND_FAILED, 1, PAYMENT_ID)),
        State.CANCELLED,
        Settlement.FAILED,
    ),
    "the refund failed, then went through": Scenario(
        (NOT_REQUIRED, *GOOD),
        (RELEASED, closed(Outcome.REFUND_FAILED, 1, PAYMENT_ID), closed(Outcome.REFUNDED, 2, PAYMENT_ID)),
        State.CANCELLED,
        Settlement.SETTLED,
    ),
}

Ending = tuple[State, ShownFacts, Settlement | None]


def _tell(order: Order, facts: list[Fact]) -> Order:
    for fact in facts:
        order, _ = orders.learn(order, fact, LATER, DEADLINES)
    return order


def _cancel(order: Order) -> Order:
    try:
        return orders.cancel(order, "CUSTOMER_REQUEST", BUYER, LATER)[0]
    except OrderNotCancellable:
        return order


def _ending(order: Order) -> Ending:
    return order.state, show(order.known), order.settlement


def _played(scenario: Scenario) -> Order:
    order = _tell(an_order(), list(scenario.before))
    return order if scenario.after is None else _tell(_cancel(order), list(scenario.after))


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_scenario_ends_as_named_when_played_in_order(name: str) -> None:
    order = _played(SCENARIOS[name])
    assert (order.state, order.settlement) == (SCENARIOS[name].state, SCENARIOS[name].settlement)


@st.composite
def deliveries(draw: st.DrawFn, scenario: Scenario) -> tuple[list[Fact], list[Fact]]:
    """Shuffle and repeat what is heard, and cut it where the cancel is read: what only follows it stays behind."""
    before = list(scenario.before)
    first = draw(st.permutations(before + draw(st.lists(st.sampled_from(before), max_size=4)) if before else before))
    if scenario.after is None:
        return first, []
    cut = draw(st.integers(0, len(first)))
    late = [*first[cut:], *scenario.after]
    again = draw(st.lists(st.sampled_from([*before, *scenario.after]), max_size=4))
    return first[:cut], draw(st.permutations([*late, *again]))


@given(st.sampled_from(sorted(SCENARIOS)), st.data())
def test_every_permutation_and_duplication_ends_the_same(name: str, data: st.DataObject) -> None:
    scenario = SCENARIOS[name]
    early, late = data.draw(deliveries(scenario), label="delivery")
    order = _tell(an_order(), early)
    if scenario.after is not None:
        order = _tell(_cancel(order), late)
    assert _ending(order) == _ending(_played(scenario))


@given(st.sampled_from(sorted(SCENARIOS)), st.data())
def test_what_must_be_said_once_is_said_once_in_every_delivery(name: str, data: st.DataObject) -> None:
    scenario = SCENARIOS[name]
    early, late = data.draw(deliveries(scenario), label="delivery")
    order, told = an_order(), []
    for fact in early:
        order, said = orders.learn(order, fact, LATER, DEADLINES)
        told += [type(event).__name__ for event in said]
    if scenario.after is not None and order.state is not State.CANCELLED:
        order, said = orders.cancel(order, "CUSTOMER_REQUEST", BUYER, LATER)
        told += [type(event).__name__ for event in said]
    for fact in late:
        order, said = orders.learn(order, fact, LATER, DEADLINES)
        told += [type(event).__name__ for event in said]
    assert told.count("OrderConfirmed") <= 1
    assert told.count("OrderCancelled") == (order.state is State.CANCELLED)
    assert order.state is not State.CONFIRMED or told.count("OrderConfirmed") == 1


@given(st.permutations([REQUESTED, GRANTED, NOT_REQUIRED, REJECTED, EXPIRED]))
def test_the_first_terminal_approval_wins(answers: list[Fact]) -> None:
    order = _tell(an_order(), answers)
    first = next(answer for answer in answers if answer is not REQUESTED)
    assert order.known.approval is getattr(first, "approval", Approval.AWAITED)
    assert order.known.longest_seconds == 3 * 86_400
