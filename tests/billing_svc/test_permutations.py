"""Whatever order facts arrive in, and however often: the same balance per account and order at rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas.billing.v1 import billing_events_pb2 as billing
from billing_svc import tables
from billing_svc.domain import invoicing
from billing_svc.domain.order_account import Change, OrderAccount
from billing_svc.domain.provider_call import Answer
from billing_svc.fake_provider import Fault
from tests.billing_svc.builders import (
    CANCELED,
    CREDIT_NOTE_NUMBER,
    DECLINED,
    NUMBER,
    ORDER_ID,
    PENDING,
    TIMED_OUT,
    UNREACHABLE,
    a_moment,
    cancel,
    hear,
    hear_refund,
    inventory_reserved,
    order_cancelled,
    order_placed,
    placed,
    stock_adjusted,
    stock_received,
    succeeded,
)
from tests.billing_svc.till import Till, new_order_id

PAID = {"1000": 3_600, "2000": -600, "2300": -3_000}
FACTS: dict[str, Callable[[str, str], Any]] = {
    "placed": lambda order_id, method: order_placed(order_id, method=method),
    "reserved": lambda order_id, method: inventory_reserved(order_id),
    "cancelled": lambda order_id, method: order_cancelled(order_id),
}
METHODS = st.sampled_from(["pm_ok", "pm_slow", "pm_declined_hard"])
FAULTS = st.lists(st.sampled_from([None, *Fault]), max_size=6)


def _schedule(*facts: str) -> st.SearchStrategy[list[str]]:
    """Every fact at least once, in any order, some twice, with calls to the provider between them."""
    more = st.lists(st.sampled_from([*facts, "work", "work", "time"]), max_size=6)
    return more.flatmap(lambda extra: st.permutations([*facts, *extra]))


def _play(till: Till, schedule: list[str], method: str, faults: list[Fault | None]) -> str:
    order_id = new_order_id()
    till.provider.recover()
    till.provider.inject(*faults)
    for step in schedule:
        if step == "work":
            till.work()
        elif step == "time":
            till.settle()
        else:
            till.read(FACTS[step](order_id, method))
    till.settle()
    return order_id


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_schedule("placed", "reserved", "cancelled"), METHODS, FAULTS)
def test_a_cancelled_order_ends_with_nothing_on_its_accounts(
    till: Till, schedule: list[str], method: str, faults: list[Fault | None]
) -> None:
    order_id = _play(till, schedule, method, faults)
    assert till.balances(order_id) == {}
    account = till.account(order_id)
    assert account.is_at_rest
    closed = [event for event in till.published(order_id) if isinstance(event, billing.OrderBillingClosed)]
    assert [event.revision for event in closed] == list(range(1, len(closed) + 1))
    assert closed[-1].payment_ids == [a.payment_id for a in account.attempts if a.received]
    assert len({question.payment_id for question in till.provider.charged(order_id)}) <= 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_schedule("placed", "reserved"), st.sampled_from(["pm_ok", "pm_slow"]), FAULTS.map(lambda faults: faults[:5]))
def test_a_live_order_ends_paid_once(till: Till, schedule: list[str], method: str, faults: list[Fault | None]) -> None:
    order_id = _play(till, schedule, method, faults)
    assert till.balances(order_id) == PAID
    assert till.names(order_id).count("PaymentSucceeded") == 1


def test_the_books_are_right_after_all_of_it(till: Till) -> None:
    assert till.findings() == []


# The same without a database, so that many more schedules are tried; here the provider may also contradict himself.

STEPS: dict[str, Callable[[OrderAccount], Change]] = {
    "placed": lambda account: Change(invoicing.place(account, placed())),
    "reserved": lambda account: Change(invoicing.reserve(account)),
    "cancelled": cancel,
}
ANSWERS: dict[str, Answer] = {
    "succeeded": succeeded(),
    "declined": DECLINED,
    "pending": PENDING,
    "timed_out": TIMED_OUT,
    "unreachable": UNREACHABLE,
    "canceled": CANCELED,
}


def _step(change: Change, step: str) -> Change:
    if answer := ANSWERS.get(step):
        change = change.then(lambda account: hear(account, answer) if account.attempts else Change(account))
    elif step == "refunded":
        change = change.then(lambda account: hear_refund(account, succeeded()) if account.refunds else Change(account))
    else:
        change = change.then(STEPS[step])
    return change.then(lambda account: invoicing.issue(account, NUMBER, CREDIT_NOTE_NUMBER, a_moment()))


def _books(change: Change) -> dict[str, int]:
    sums: dict[str, int] = {}
    posted = {journal.ref: journal for journal in change.journals}
    assert len(posted) == len(change.journals), "a fact was posted twice"
    for journal in change.journals:
        for entry in journal.entries:
            sums[entry.account] = sums.get(entry.account, 0) + entry.amount
    return {account: amount for account, amount in sums.items() if amount}


def _run(schedule: list[str]) -> Change:
    change = Change(OrderAccount(ORDER_ID))
    for step in schedule:
        change = _step(change, step)
    return change


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_schedule_of_facts_and_answers_ends_in_the_same_books(data: st.DataObject) -> None:
    facts = ["placed", "reserved", "cancelled", "succeeded"]
    noise = st.lists(st.sampled_from([*facts, *ANSWERS, "refunded"]), max_size=8)
    schedule = data.draw(st.permutations([*facts, *data.draw(noise)]))
    change = _run([*schedule, "canceled"])
    while refund := next((refund for refund in change.account.refunds if refund.is_open), None):
        assert refund == change.account.refunds[0]
        change = _step(change, "refunded")
    assert _books(change) == {}
    assert change.account.closing


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_money_that_came_in_is_applied_once_whatever_else_is_heard(data: st.DataObject) -> None:
    facts = ["placed", "reserved"]
    noise = data.draw(st.lists(st.sampled_from([*facts, *ANSWERS]), max_size=8))
    schedule = data.draw(st.permutations([*facts, *noise]))
    assert _books(_run([*schedule, "succeeded"])) == PAID


STOCK: list[tuple[Callable[[str, int], Any], int]] = [
    *((stock_received, 5_000), (stock_adjusted, -700), (stock_adjusted, 1_200), (stock_adjusted, 0), (stock_received, 300)),
]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(range(5)), max_size=4).flatmap(lambda more: st.permutations([*range(5), *more])))
def test_stock_is_worth_the_same_in_whatever_order_its_movements_are_read(till: Till, schedule: list[int]) -> None:
    movements = [new_order_id() for _ in STOCK]
    till.read(*(make(movements[place], value) for place in schedule for make, value in [STOCK[place]]))
    entry, journal = tables.entry.c, tables.journal.c
    statement = sa.select(entry.account, sa.func.sum(entry.amount)).join(tables.journal).group_by(entry.account)
    with till.application.database.connect() as connection:
        refs = [f"stock/{movement_id}" for movement_id in movements]
        found = connection.execute(statement.where(journal.ref.in_(refs)).order_by(entry.account)).all()
    assert [tuple(row) for row in found] == [("1200", 5_800), ("2050", -5_300), ("5300", -500)]
