"""The order table of domain.md, row by row: what each fact and command makes of an order, and what it says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from order_svc.domain import events
from order_svc.domain import order as orders
from order_svc.domain.errors import InvalidLines, MoreThanReserved, OrderNotCancellable, OrderNotShippable
from order_svc.domain.facts import Fact, Outcome
from order_svc.domain.order import DAY, Deadlines, Order, Settlement, State, Terms
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
    NOW,
    ORDER_ID,
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
    a_cancelled_order,
    a_confirmed_order,
    a_line,
    a_shipped_order,
    an_order,
    closed,
    lines,
    names,
    ship,
)


def test_a_placed_order_is_placed_and_says_so() -> None:
    order, told = orders.place(ORDER_ID, Terms("cust-1", "EUR", "pm_ok", None, lines()), BUYER, NOW, DEADLINES)
    assert order.state is State.PLACED
    assert [type(event).__name__ for event in told] == ["OrderPlaced", "OrderStateChanged"]


WAITING = (RESERVED, INVOICED)
TABLE: list[tuple[str, tuple[Fact, ...], Fact, State, list[str]]] = [
    ("placed, some missing", (), BACKORDERED, State.BACKORDERED, []),
    ("placed, item unknown", (), UNKNOWN_ITEM, State.CANCELLED, ["OrderCancelled"]),
    ("placed, all there", (), RESERVED, State.RESERVED, []),
    ("backordered, now all there", (BACKORDERED,), RESERVED, State.RESERVED, []),
    ("reserved, invoiced", (RESERVED,), INVOICED, State.AWAITING_PAYMENT, []),
    ("invoiced before reserved", (INVOICED,), RESERVED, State.AWAITING_PAYMENT, []),
    ("awaiting payment, pending", WAITING, PENDING, State.AWAITING_PAYMENT, []),
    ("awaiting payment, no answer", WAITING, UNKNOWN, State.AWAITING_PAYMENT, []),
    ("awaiting payment, soft decline", WAITING, DECLINED_SOFT, State.AWAITING_PAYMENT, []),
    ("awaiting payment, final failure", WAITING, DECLINED_FINALLY, State.PAYMENT_FAILED, []),
    ("paid, approval unknown", WAITING, PAID, State.AWAITING_APPROVAL, []),
    ("paid, approval pending", (*WAITING, REQUESTED), PAID, State.AWAITING_APPROVAL, []),
    ("failed, then paid, approval unknown", (*WAITING, DECLINED_FINALLY), PAID, State.AWAITING_APPROVAL, []),
    ("paid in part only", WAITING, LATE_MONEY, State.AWAITING_PAYMENT, []),
    ("payment is the last fact", (*WAITING, NOT_REQUIRED), PAID, State.CONFIRMED, ["OrderConfirmed"]),
    ("approval is the last fact", (*WAITING, PAID), NOT_REQUIRED, State.CONFIRMED, ["OrderConfirmed"]),
    ("grant is the last fact", (*WAITING, REQUESTED, PAID), GRANTED, State.CONFIRMED, ["OrderConfirmed"]),
    ("reservation is the last fact", (INVOICED, PAID, NOT_REQUIRED), RESERVED, State.CONFIRMED, ["OrderConfirmed"]),
    ("rejected", (*WAITING, REQUESTED, PAID), REJECTED, State.CANCELLED, ["OrderCancelled"]),
    ("expired", (*WAITING, REQUESTED, PAID), EXPIRED, State.CANCELLED, ["OrderCancelled"]),
    ("invoice voided by an operator", WAITING, VOIDED, State.CANCELLED, ["OrderCancelled"]),
    ("confirmed, invoice voided", (*WAITING, PAID, NOT_REQUIRED), VOIDED, State.CANCELLED, ["OrderCancelled"]),
]


@pytest.mark.parametrize(("known", "fact", "state", "said"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_a_fact_moves_an_order_as_the_table_says(known: tuple[Fact, ...], fact: Fact, state: State, said: list[str]) -> None:
    order, told = orders.learn(an_order(*known), fact, LATER, DEADLINES)
    assert order.state is state
    assert names(told) == said
    assert isinstance(told[-1], events.OrderStateChanged)


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        (UNKNOWN_ITEM, "UNKNOWN_ITEM"),
        (VOIDED, "INVOICE_VOIDED"),
        (REJECTED, "APPROVAL_REJECTED"),
        (EXPIRED, "APPROVAL_EXPIRED"),
    ],
)
def test_a_fact_that_cancels_names_its_reason_and_no_person(fact: Fact, reason: str) -> None:
    order, told = orders.learn(an_order(), fact, LATER, DEADLINES)
    assert order.cancel_reason == reason
    assert [event.by for event in told if isinstance(event, events.OrderCancelled)] == [None]


@pytest.mark.parametrize(
    "known",
    [
        (),
        (BACKORDERED,),
        (RESERVED,),
        (RESERVED, INVOICED),
        (RESERVED, INVOICED, UNKNOWN),
        (RESERVED, INVOICED, DECLINED_FINALLY),
        (RESERVED, INVOICED, PAID),
        (RESERVED, INVOICED, PAID, REQUESTED),
        (RESERVED, INVOICED, PAID, NOT_REQUIRED),
    ],
    ids=lambda known: str(an_order(*known).state.value) + f" {len(known)}",
)
def test_an_order_can_be_cancelled_in_every_state_before_its_first_shipment(known: tuple[Fact, ...]) -> None:
    order, told = orders.cancel(an_order(*known), "CUSTOMER_REQUEST", BUYER, LATER)
    assert (order.state, order.settlement, order.state_time) == (State.CANCELLED, Settlement.PENDING, LATER)
    assert [event.by for event in told if isinstance(event, events.OrderCancelled)] == [BUYER]


@pytest.mark.parametrize("fact", [PAID, GRANTED, RESERVED, REJECTED, UNKNOWN_ITEM, VOIDED, DECLINED_FINALLY])
def test_a_cancelled_order_never_comes_back(fact: Fact) -> None:
    cancelled = a_cancelled_order(RESERVED, INVOICED, REQUESTED, PAID)
    order, told = orders.learn(cancelled, fact, LATER, DEADLINES)
    assert (order.state, order.cancel_reason) == (State.CANCELLED, "CUSTOMER_REQUEST")
    assert names(told) == []


@pytest.mark.parametrize("fact", [UNKNOWN_ITEM, VOIDED, REJECTED, EXPIRED])
def test_after_the_shipment_no_fact_cancels(fact: Fact) -> None:
    order, told = orders.learn(a_shipped_order(), fact, LATER, DEADLINES)
    assert order.state is State.FULFILLED
    assert names(told) == []


def test_a_shipment_fulfills_a_confirmed_order() -> None:
    priced = lines(a_line("LAMP-01", 3), a_line("DESK-02", 1, 19_900))
    order, fulfillment, told = orders.fulfill(
        a_confirmed_order(priced), (), fulfillment_id=PAYMENT_ID, tracking_reference="DHL-1", now=LATER
    )
    assert order.state is State.FULFILLED
    assert [event.fulfillment for event in told if isinstance(event, events.OrderFulfilled)] == [fulfillment]
    assert [(line.sku, line.quantity, line.net, line.tax) for line in fulfillment.lines] == [
        (line.sku, line.quantity, line.net, line.tax) for line in priced
    ]


def test_a_shipment_may_name_everything_that_remains() -> None:
    order, _, _ = orders.fulfill(a_confirmed_order(), ((1, 3),), fulfillment_id=PAYMENT_ID, tracking_reference=None, now=LATER)
    assert order.state is State.FULFILLED


@pytest.mark.parametrize("order", [a_cancelled_order(), a_shipped_order()], ids=["cancelled", "fulfilled"])
def test_a_cancel_in_the_wrong_state_is_refused(order: Order) -> None:
    with pytest.raises(OrderNotCancellable) as refused:
        orders.cancel(order, "OTHER", BUYER, LATER)
    assert refused.value.reason == "ILLEGAL_STATE"


@pytest.mark.parametrize(
    "order",
    [
        an_order(),
        an_order(BACKORDERED),
        an_order(RESERVED),
        an_order(RESERVED, INVOICED),
        an_order(RESERVED, INVOICED, DECLINED_FINALLY),
        an_order(RESERVED, INVOICED, PAID),
        a_cancelled_order(),
        a_shipped_order(),
    ],
    ids=lambda order: str(order.state.value),
)
def test_a_shipment_in_the_wrong_state_is_refused(order: Order) -> None:
    with pytest.raises(OrderNotShippable) as refused:
        orders.fulfill(order, (), fulfillment_id=PAYMENT_ID, tracking_reference=None, now=LATER)
    assert refused.value.reason == "ILLEGAL_STATE"


@pytest.mark.parametrize(
    ("wanted", "refusal"),
    [
        (((1, 3), (2, 1)), MoreThanReserved),
        (((3, 1),), MoreThanReserved),
        (((9, 1),), InvalidLines),
        (((1, 1), (1, 1)), InvalidLines),
    ],
    ids=["more than is left", "a line that is shipped", "no such line", "a line twice"],
)
def test_a_shipment_of_what_is_not_left_is_refused(wanted: tuple[tuple[int, int], ...], refusal: type[Exception]) -> None:
    whole = a_confirmed_order(lines(a_line("LAMP-01", 3), a_line("DESK-02", 1), a_line("CHAIR-03", 1)))
    order, _, _ = ship(whole, (1, 1), (3, 1))
    with pytest.raises(refusal):
        ship(order, *wanted)


def test_a_shipment_of_a_part_leaves_the_rest_to_be_shipped() -> None:
    order, first, told = ship(a_confirmed_order(lines(a_line("LAMP-01", 3), a_line("DESK-02", 1))), (1, 2))
    assert order.state is State.PARTIALLY_FULFILLED
    assert [(line.quantity_shipped, line.remaining) for line in order.lines] == [(2, 1), (0, 1)]
    assert names(told) == ["OrderPartiallyFulfilled"]
    order, last, told = ship(order)
    assert order.state is State.FULFILLED
    assert names(told) == ["OrderFulfilled"]
    assert [[(line.line_number, line.quantity) for line in each.lines] for each in (first, last)] == [
        [(1, 2)],
        [(1, 1), (2, 1)],
    ]


def test_a_second_shipment_of_a_part_is_told_though_the_state_stays() -> None:
    order, _, _ = ship(a_confirmed_order(), (1, 1))
    after, _, told = ship(order, (1, 1))
    assert (order.state, after.state) == (State.PARTIALLY_FULFILLED, State.PARTIALLY_FULFILLED)
    assert names(told) == ["OrderPartiallyFulfilled"]


SETTLEMENTS: list[tuple[str, tuple[Fact, ...], Settlement]] = [
    ("nothing answered", (), Settlement.PENDING),
    ("stock only", (RELEASED,), Settlement.PENDING),
    ("money only", (closed(Outcome.NEVER_ISSUED),), Settlement.PENDING),
    ("never issued", (RELEASED, closed(Outcome.NEVER_ISSUED)), Settlement.SETTLED),
    ("voided", (VOIDED, closed(Outcome.VOIDED), RELEASED), Settlement.SETTLED),
    ("late money is not covered yet", (RELEASED, closed(Outcome.VOIDED), LATE_MONEY), Settlement.PENDING),
    (
        "late money is given back",
        (RELEASED, closed(Outcome.VOIDED), LATE_MONEY, closed(Outcome.REFUNDED, 2, PAYMENT_ID)),
        Settlement.SETTLED,
    ),
    ("the refund failed", (RELEASED, PAID, closed(Outcome.REFUND_FAILED, 1, PAYMENT_ID)), Settlement.FAILED),
    (
        "the refund failed, then was retried",
        (RELEASED, PAID, closed(Outcome.REFUNDED, 2, PAYMENT_ID), closed(Outcome.REFUND_FAILED, 1, PAYMENT_ID)),
        Settlement.SETTLED,
    ),
]


@pytest.mark.parametrize(("facts", "settlement"), [row[1:] for row in SETTLEMENTS], ids=[row[0] for row in SETTLEMENTS])
def test_settlement_is_what_stock_and_money_say(facts: tuple[Fact, ...], settlement: Settlement) -> None:
    order = a_cancelled_order(RESERVED, INVOICED)
    for fact in facts:
        order, _ = orders.learn(order, fact, LATER, DEADLINES)
    assert order.settlement is settlement


def test_each_settlement_is_told_once() -> None:
    order = a_cancelled_order(RESERVED, INVOICED, PAID)
    told: list[str] = []
    failed, refunded = closed(Outcome.REFUND_FAILED, 1, PAYMENT_ID), closed(Outcome.REFUNDED, 2, PAYMENT_ID)
    for fact in (RELEASED, RELEASED, failed, failed, refunded, refunded, failed):
        order, said = orders.learn(order, fact, LATER, DEADLINES)
        told += names(said)
    assert told == ["OrderCancellationSettled", "OrderCancellationSettled"]


def test_a_live_order_has_no_settlement() -> None:
    assert an_order(RESERVED).settlement is None


@pytest.mark.parametrize(
    ("known", "wait"),
    [
        ((), 7 * DAY),
        ((BACKORDERED,), 14 * DAY),
        ((RESERVED,), 7 * DAY),
        ((RESERVED, INVOICED), 7 * DAY),
        ((RESERVED, INVOICED, DECLINED_FINALLY), 7 * DAY),
        ((RESERVED, INVOICED, REQUESTED, PAID), 7 * DAY),
        ((RESERVED, INVOICED, NOT_REQUIRED, PAID), None),
    ],
)
def test_every_waiting_state_has_a_deadline(known: tuple[Fact, ...], wait: timedelta | None) -> None:
    assert an_order(*known).deadline_time == (NOW + wait if wait else None)


def test_the_approval_deadline_outlasts_workflows_own() -> None:
    order = an_order(RESERVED, INVOICED, REQUESTED, PAID)
    assert Deadlines(approval=DAY).time(order) == NOW + 3 * DAY + timedelta(hours=1)


def test_the_deadline_counts_from_the_entry_into_the_state() -> None:
    order, _ = orders.learn(an_order(RESERVED, INVOICED), DECLINED_SOFT, LATER, DEADLINES)
    assert order.state_time == NOW
    order, _ = orders.learn(order, DECLINED_FINALLY, LATER, DEADLINES)
    assert order.state_time == LATER


def test_the_same_fact_again_says_nothing() -> None:
    order = an_order(RESERVED, INVOICED, PAID)
    assert orders.learn(order, PAID, LATER, DEADLINES) == (order, ())
