"""A crash around a call to the provider: what was asked is asked again under the same key, and counts once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chassis import failpoints
from tests.billing_svc.builders import inventory_reserved, order_cancelled, order_placed
from tests.billing_svc.till import Till, new_order_id

PAID = {"1000": 3_600, "2000": -600, "2300": -3_000}
POINTS = ("timers.after_claim", "provider.before_call", "provider.after_call", "provider.before_outcome")


@pytest.fixture(scope="module")
def till(new_till: Callable[[], Till]) -> Till:
    """A service of this module's own: its leases are ended at will."""
    return new_till()


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_around_the_charge_ends_in_one_charge(till: Till, point: str) -> None:
    order_id = new_order_id()
    till.read(order_placed(order_id), inventory_reserved(order_id))
    with failpoints.armed(point, "crash"), pytest.raises(failpoints.FailpointCrash):
        till.work()
    assert till.work() == 0, "the claim of a dead worker is leased for a while"
    till.end_leases()
    till.settle()
    assert till.names(order_id) == ["InvoiceCreated", "PaymentSucceeded"]
    assert till.balances(order_id) == PAID
    assert len({question.payment_id for question in till.provider.charged(order_id)}) == 1
    assert len([intent for key, intent in till.provider.intents.items() if till.account(order_id).attempt(key)]) == 1


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_around_the_charge_and_a_cancel_meanwhile_gives_everything_back(till: Till, point: str) -> None:
    order_id = new_order_id()
    till.read(order_placed(order_id), inventory_reserved(order_id))
    with failpoints.armed(point, "crash"), pytest.raises(failpoints.FailpointCrash):
        till.work()
    till.read(order_cancelled(order_id))
    till.end_leases()
    till.settle()
    assert till.balances(order_id) == {}
    assert till.names(order_id)[-1] == "OrderBillingClosed"


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_around_the_refund_ends_in_one_refund(till: Till, point: str) -> None:
    order_id = new_order_id()
    till.settle(order_placed(order_id), inventory_reserved(order_id))
    till.read(order_cancelled(order_id))
    with failpoints.armed(point, "crash"), pytest.raises(failpoints.FailpointCrash):
        till.work()
    till.end_leases()
    till.settle()
    assert len([refund for refund in till.provider.refunds.values() if refund.order_id == order_id]) == 1
    assert till.balances(order_id) == {}
    assert till.findings() == []


def test_a_crash_before_the_commit_of_an_event_changes_nothing_and_is_redone(till: Till) -> None:
    order_id = new_order_id()
    till.send(order_placed(order_id))
    till.send(inventory_reserved(order_id))
    with failpoints.armed("consumer.before_commit", "crash"), pytest.raises(failpoints.FailpointCrash):
        till.application.consumer.step()
    till.application.consumer.close()
    till.settle()
    assert till.names(order_id) == ["InvoiceCreated", "PaymentSucceeded"]
    assert till.findings() == []
