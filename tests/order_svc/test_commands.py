"""The deciders: whose order it is, at which version, and every command in a wrong state as its own refusal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chassis.errors import Refusal
from chassis.world import Actor, Decision, World
from order_svc import commands
from order_svc.domain.commands import CancelOrder, CancelRemaining, FulfillOrder, PlaceOrder
from order_svc.domain.errors import NothingToClose, OrderChanged, OrderNotCancellable, OrderNotFound, OrderNotShippable
from order_svc.domain.order import Order, Person, State, Terms
from order_svc.domain.reference import Reference
from tests.order_svc.builders import (
    BUYER,
    DEADLINES,
    LATER,
    NOW,
    ORDER_ID,
    STRANGER,
    a_cancelled_order,
    a_confirmed_order,
    a_context,
    a_part_shipped_order,
    a_shipped_order,
    an_actor,
    an_order,
    lines,
)


def _world(*aggregates: Order) -> World:
    world = World()
    for order in aggregates:
        world.put(order, NOW)
    return world


def test_an_order_is_placed_in_the_callers_name() -> None:
    terms = Terms("cust-1", "EUR", "pm_ok", "web-1", lines())
    decision = commands.place_order(DEADLINES)(World(), PlaceOrder(terms), a_context(an_actor(STRANGER, "orders:price"), LATER))
    assert decision.result.placed_by == STRANGER
    assert (decision.result.place_time, decision.result.client_reference) == (LATER, "web-1")
    assert decision.changed == (decision.result, Reference(an_actor(STRANGER).key, "web-1", decision.result.order_id))


@pytest.mark.parametrize("caller", [an_actor(BUYER), an_actor(STRANGER, "orders:read_all")], ids=["owner", "sees all"])
def test_an_order_is_cancelled_by_whom_may_see_it(caller: Actor) -> None:
    decision = commands.cancel_order(_world(an_order()), CancelOrder(ORDER_ID, "FRAUD", 1), a_context(caller, LATER))
    assert decision.result.state is State.CANCELLED
    assert decision.events[0].by == Person(caller.issuer, caller.subject, caller.username)


DECIDERS: dict[type, Callable[..., Decision]] = {
    CancelOrder: commands.cancel_order,
    CancelRemaining: commands.cancel_remaining,
    FulfillOrder: commands.fulfill_order,
}
REFUSALS: list[tuple[str, Order | None, Actor, CancelOrder | CancelRemaining | FulfillOrder, type[Refusal], str]] = [
    ("no such order", None, an_actor(), CancelOrder(ORDER_ID, "OTHER", None), OrderNotFound, "NOT_FOUND"),
    ("another's", an_order(), an_actor(STRANGER), CancelOrder(ORDER_ID, "OTHER", None), OrderNotFound, "NOT_FOUND"),
    ("stale", an_order(), an_actor(), CancelOrder(ORDER_ID, "OTHER", 2), OrderChanged, "VERSION_MISMATCH"),
    (
        "cancelled twice",
        a_cancelled_order(),
        an_actor(),
        CancelOrder(ORDER_ID, "OTHER", None),
        OrderNotCancellable,
        "ILLEGAL_STATE",
    ),
    (
        "cancelled after it was shipped",
        a_shipped_order(),
        an_actor(),
        CancelOrder(ORDER_ID, "OTHER", None),
        OrderNotCancellable,
        "ILLEGAL_STATE",
    ),
    (
        "closed unshipped",
        a_confirmed_order(),
        an_actor(),
        CancelRemaining(ORDER_ID, "OTHER", None),
        NothingToClose,
        "ILLEGAL_STATE",
    ),
    (
        "another's rest",
        a_part_shipped_order(),
        an_actor(STRANGER),
        CancelRemaining(ORDER_ID, "OTHER", None),
        OrderNotFound,
        "NOT_FOUND",
    ),
    (
        "stale close",
        a_part_shipped_order(),
        an_actor(),
        CancelRemaining(ORDER_ID, "OTHER", 9),
        OrderChanged,
        "VERSION_MISMATCH",
    ),
    (
        "another's shipment",
        a_confirmed_order(),
        an_actor(STRANGER),
        FulfillOrder(ORDER_ID, (), None, None),
        OrderNotFound,
        "NOT_FOUND",
    ),
    ("shipped unpaid", an_order(), an_actor(), FulfillOrder(ORDER_ID, (), None, None), OrderNotShippable, "ILLEGAL_STATE"),
    (
        "shipped twice",
        a_shipped_order(),
        an_actor(),
        FulfillOrder(ORDER_ID, (), None, None),
        OrderNotShippable,
        "ILLEGAL_STATE",
    ),
    (
        "stale shipment",
        a_confirmed_order(),
        an_actor(),
        FulfillOrder(ORDER_ID, (), None, 7),
        OrderChanged,
        "VERSION_MISMATCH",
    ),
]


@pytest.mark.parametrize(
    ("order", "caller", "command", "refusal", "reason"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_a_command_in_the_wrong_state_is_a_typed_refusal(
    order: Order | None,
    caller: Actor,
    command: CancelOrder | CancelRemaining | FulfillOrder,
    refusal: type[Refusal],
    reason: str,
) -> None:
    world = _world(order) if order else World()
    decide = DECIDERS[type(command)]
    with pytest.raises(refusal) as refused:
        decide(world, command, a_context(caller))
    assert refused.value.reason == reason


def test_of_two_cancels_in_one_batch_the_second_is_refused() -> None:
    world = _world(an_order())
    world.apply(commands.cancel_order(world, CancelOrder(ORDER_ID, "OTHER", None), a_context()), NOW)
    with pytest.raises(OrderNotCancellable):
        commands.cancel_order(world, CancelOrder(ORDER_ID, "OTHER", None), a_context())


def test_a_shipment_keeps_the_order_and_the_fulfillment() -> None:
    world = _world(a_confirmed_order())
    decision = commands.fulfill_order(world, FulfillOrder(ORDER_ID, (), "DHL-1", None), a_context(now=LATER))
    assert [type(aggregate).__name__ for aggregate in decision.changed] == ["Order", "Fulfillment"]
    assert decision.result.tracking_reference == "DHL-1"
