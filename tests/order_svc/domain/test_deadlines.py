"""What becomes of an order whose deadline has passed, and that everything else that was learned before wins."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_svc.domain import events
from order_svc.domain import order as orders
from order_svc.domain.facts import Fact
from order_svc.domain.order import DAY, Deadlines, Order, State
from tests.order_svc.builders import (
    BACKORDERED,
    DEADLINES,
    DECLINED_FINALLY,
    INVOICED,
    LATER,
    NOT_REQUIRED,
    NOW,
    PAID,
    REQUESTED,
    RESERVED,
    a_cancelled_order,
    a_confirmed_order,
    a_shipped_order,
    an_order,
)

LONG_AFTER = NOW + 100 * DAY


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ((), "ANSWER_EXPIRED"),
        ((BACKORDERED,), "BACKORDER_EXPIRED"),
        ((RESERVED,), "ANSWER_EXPIRED"),
        ((RESERVED, INVOICED), "PAYMENT_EXPIRED"),
        ((RESERVED, INVOICED, DECLINED_FINALLY), "PAYMENT_EXPIRED"),
        ((RESERVED, INVOICED, REQUESTED, PAID), "APPROVAL_EXPIRED"),
    ],
)
def test_an_order_whose_deadline_has_passed_is_cancelled_for_its_own_reason(known: tuple[Fact, ...], reason: str) -> None:
    order = an_order(*known)
    assert order.deadline_time
    expired, told = orders.expire(order, order.deadline_time)
    assert (expired.state, expired.cancel_reason, expired.deadline_time) == (State.CANCELLED, reason, None)
    assert [type(event) for event in told] == [events.OrderCancelled, events.OrderStateChanged]
    assert isinstance(told[0], events.OrderCancelled)
    assert told[0].by is None


def test_before_its_deadline_nothing_happens() -> None:
    order = an_order(BACKORDERED)
    assert order.deadline_time
    assert orders.expire(order, order.deadline_time - timedelta(milliseconds=1)) == (order, ())


@pytest.mark.parametrize(
    "order",
    [a_confirmed_order(), a_shipped_order(), a_cancelled_order(), an_order(RESERVED, INVOICED, NOT_REQUIRED, PAID)],
    ids=["confirmed", "shipped", "cancelled", "paid in the same moment"],
)
def test_an_order_that_waits_for_nothing_never_expires(order: Order) -> None:
    assert orders.expire(order, LONG_AFTER) == (order, ())


def test_a_backorder_of_which_billing_has_spoken_is_not_given_up() -> None:
    order = an_order(BACKORDERED, INVOICED)
    assert (order.state, order.deadline_time) == (State.BACKORDERED, None)
    assert orders.expire(order, LONG_AFTER) == (order, ())


@given(
    facts=st.lists(st.sampled_from([BACKORDERED, RESERVED, INVOICED, DECLINED_FINALLY, REQUESTED, PAID]), max_size=6),
    limits=st.builds(Deadlines, *(4 * [st.timedeltas(timedelta(hours=2), 30 * DAY)])),
)
def test_no_deadline_is_ever_earlier_than_the_shortest_after_the_last_look(facts: list[Fact], limits: Deadlines) -> None:
    order = an_order()
    for number, fact in enumerate(facts, 1):
        now = NOW + number * timedelta(hours=1)
        order, _ = orders.learn(order, fact, now, limits)
        assert order.deadline_time is None or order.deadline_time >= NOW + min(limits.shortest, DEADLINES.shortest)
    assert order.state_time <= LATER + len(facts) * timedelta(hours=1)
