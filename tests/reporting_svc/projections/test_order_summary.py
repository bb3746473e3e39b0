"""The order summary: the same from every interleaving of topics."""

from __future__ import annotations

import uuid
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from chassis.money import Money
from reporting_svc.projections.order_summary import AT_PLACEMENT, OrderSummary, project
from reporting_svc.seen import Cancelled, Changed, Placed
from tests.reporting_svc.builders import NOW, a_seen

EMPTY = OrderSummary(str(uuid.UUID(int=1)))
PLACED = Placed("cust-1", Money("EUR", 100), Money("EUR", 20), Money("EUR", 120), "buyer-id", "buyer", NOW)
RESERVED = Changed("RESERVED", "RESERVED", "AWAITED", "AWAITED", "AWAITED", NOW, None)
CANCELLED = Changed("CANCELLED", "RELEASED", "VOID", "AWAITED", "AWAITED", None, "PENDING")
OF_ORDER = [a_seen(1, PLACED), a_seen(2, RESERVED), a_seen(7, Cancelled("FRAUD")), a_seen(8, CANCELLED)]
OF_OTHERS = [a_seen(3, producer="inventory-svc"), a_seen(5, producer="billing-svc"), a_seen(9, producer="workflow-svc")]


def test_order_is_as_placed_until_its_state_is_read() -> None:
    summary = project(EMPTY, OF_ORDER[0])
    assert (summary.placed, summary.changed) == (PLACED, AT_PLACEMENT)


def test_event_of_another_topic_may_be_read_before_the_placement() -> None:
    early = project(EMPTY, OF_OTHERS[0])
    assert early.placed is None
    assert project(early, OF_ORDER[0]) == project(project(EMPTY, OF_ORDER[0]), OF_OTHERS[0])


def test_older_state_never_replaces_a_newer_one() -> None:
    newer = project(EMPTY, OF_ORDER[3])
    assert project(newer, OF_ORDER[1]).changed == CANCELLED


@given(st.permutations([*OF_ORDER, *OF_OTHERS]), st.lists(st.sampled_from([*OF_ORDER, *OF_OTHERS]), max_size=5))
def test_any_order_and_repetition_of_events_ends_in_the_same_summary(first: list[object], again: list[object]) -> None:
    ended: OrderSummary = reduce(project, [*first, *again], EMPTY)  # type: ignore[arg-type]  # Hypothesis loses the type
    assert ended == reduce(project, [*OF_ORDER, *OF_OTHERS], EMPTY)
    assert (ended.placed, ended.changed, ended.cancel_reason) == (PLACED, CANCELLED, "FRAUD")
    assert ended.last_event_type == "Event9"
