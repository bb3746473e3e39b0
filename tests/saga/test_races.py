"""The races of domain.md between a caller, a message and its repetition, by their number: in order, then shuffled.

Those about who waits for stock are in `test_queue_races.py`, race 20 is in `test_deadline_races.py`.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from chassis import idempotency
from chassis.broker import InRecord
from chassis.command_handling import run_commands
from chassis.errors import IdempotencyKeyInProgress, IdempotencyKeyReused, Refusal
from chassis.event_handling import EventHandler
from inventory_svc.domain.reservation import State as Held
from order_svc.domain.errors import OrderNotCancellable, OrderNotShippable
from tests.contracts import schema
from tests.contracts.subscribed import subscribed_by
from tests.saga import people
from tests.saga.databases import PACKAGES, Databases
from tests.saga.faults import Fault, Faults
from tests.saga.office import Call
from tests.saga.play import PUBLISHERS
from tests.saga.retelling import tell_again
from tests.saga.scene import Scene, staged
from workflow_svc.domain.errors import NotPending

MOODS = pytest.mark.parametrize("mood", [None, 1], ids=["in order", "shuffled"])
MORE_MOODS = pytest.mark.parametrize("mood", [None, pytest.param(1, marks=pytest.mark.full)], ids=["in order", "shuffled"])
DEAR = 100_000
ORDERS = "atlas.orders.v1"
SETTLED = ("CANCELLED", "RELEASED", "CREDITED", "REFUNDED", "NOT_REQUIRED", "SETTLED")


def _read_by_topic() -> list[tuple[str, str]]:
    kinds = schema.EVENTS.by_payload
    found = {(package, kinds[kind].topic) for package in PACKAGES.values() for kind in subscribed_by(package)}
    return sorted((package.replace("_", "-"), topic) for package, topic in found)


READ_BY_TOPIC = _read_by_topic()


def _answer(scene: Scene, call: Call, *others: Call) -> list[Any]:
    """Run calls of one service in one batch; the error or the response of each."""
    answers = run_commands(scene.services[call.service].service, [one.command_call() for one in (call, *others)])
    return [answer.error or answer.response for answer in answers]


@MOODS
def test_race_1_a_key_again_with_its_body_with_another_and_while_the_first_call_runs(
    databases: Databases, mood: int | None
) -> None:
    with staged(databases, "race-1", mood) as scene:
        scene.item(stock=9)
        call = scene.office.ask(people.order(scene.customer, "pm_ok", people.line(scene.sku, 2)), people.BUYER)
        with scene.services.connection("order") as first:
            idempotency.claim(first, [call.command_call().keyed])
            (running,) = _answer(scene, call)
            assert isinstance(running, IdempotencyKeyInProgress)
            first.rollback()
        scene.office.send_all()
        other = Call(people.order(scene.customer, "pm_ok", people.line(scene.sku, 3)), people.BUYER, call.key)
        again, refused = _answer(scene, call, other)
        assert again == call.response
        assert isinstance(refused, IdempotencyKeyReused)
        (refused,) = _answer(scene, other)
        assert isinstance(refused, IdempotencyKeyReused)
        scene.rest()
        assert scene.shows(call.response.order.order_id)[0] == "CONFIRMED"
        assert scene.stock() == (9, 2)


@MOODS
def test_race_2_every_event_twice_and_every_fact_under_a_new_id(databases: Databases, mood: int | None) -> None:
    with staged(databases, "race-2", mood) as scene:
        scene.item(stock=12)
        orders = scene.place(2), scene.place(3), scene.place(1, method="pm_declined_hard"), scene.place(5), scene.place(4)
        shipped, cancelled, failed, short, _waiting = orders
        scene.do(people.ship(shipped), people.CLERK)
        scene.do(people.ship(short, (1, 2)), people.CLERK)
        scene.do(people.cancel(cancelled), people.BUYER)
        scene.do(people.cancel(failed), people.BUYER)
        scene.do(people.close(short), people.CLERK)
        before = [(scene.shows(order), scene.of(order).balances) for order in orders], scene.stock()
        told = [scene.told(order) for order in orders]
        scene.rewind()
        assert [scene.told(order) for order in orders] == told
        assert tell_again(scene.services) > sum(len(kinds) for by_service in told for kinds in by_service.values())
        scene.rest()
        assert ([(scene.shows(order), scene.of(order).balances) for order in orders], scene.stock()) == before
        for order, once in zip(orders, told, strict=True):
            twice = {service: Counter(2 * kinds) for service, kinds in once.items()}
            assert {service: Counter(kinds) for service, kinds in scene.told(order).items()} == twice


@MOODS
@pytest.mark.parametrize("name", ["inventory", "billing", "workflow"])
def test_race_3_a_cancel_that_is_read_before_its_order_leaves_a_tombstone(
    databases: Databases, mood: int | None, name: str
) -> None:
    """A broker that has lost its data may deliver what nobody has read yet behind what came later."""
    with staged(databases, f"race-3-{name}", mood) as scene:
        scene.item(stock=2)
        with scene.held_back(f"{name}-svc", ORDERS):
            order_id = scene.place(2)
            scene.do(people.cancel(order_id), people.BUYER)
            EventHandler(scene.services[name].service).handle(_on_topic(scene, "OrderCancelled", order_id))
        assert (scene.shows(order_id)[0], scene.shows(order_id)[-1]) == ("CANCELLED", "SETTLED")
        assert (scene.stock(), scene.of(order_id).balances) == ((2, 0), {})
        told = scene.told(order_id)
        if name == "inventory":
            assert told["inventory-svc"] == ["InventoryReleased"]
            assert scene.of(order_id).held.state is Held.TOMBSTONE
        elif name == "billing":
            assert told["billing-svc"] == ["OrderBillingClosed"]
        else:
            assert "workflow-svc" not in told


def _on_topic(scene: Scene, kind: str, order_id: str) -> list[InRecord]:
    """The first record of an event, as it lies on its topic."""
    for (topic, partition), log in scene.services.broker.logs.items():
        for offset, record in enumerate(log):
            if (record.key, record.headers["ce_type"]) == (order_id, kind):
                return [InRecord(topic, partition, offset, record.key, record.value, dict(record.headers))]
    raise AssertionError(f"nobody has told {kind} of {order_id}")


@pytest.mark.parametrize("is_stock_first", [True, False], ids=["stock is read first", "the cancel is read first"])
@MOODS
def test_race_5_stock_that_is_read_after_the_cancel_makes_no_invoice(
    databases: Databases, mood: int | None, is_stock_first: bool
) -> None:
    with staged(databases, f"race-5-{is_stock_first}", mood) as scene:
        scene.item(stock=2)
        with scene.held_back("billing-svc", ORDERS if is_stock_first else "atlas.inventory.v1"):
            order_id = scene.place(2)
            scene.do(people.cancel(order_id), people.BUYER)
        assert scene.shows(order_id)[:2] == ("CANCELLED", "RELEASED")
        assert scene.shows(order_id)[-1] == "SETTLED"
        assert scene.of(order_id).balances == {}
        assert scene.services.provider.sandbox.charged(order_id) == []
        issued = [scene.of(order_id).account.invoice is not None, "InvoiceCreated" in scene.told(order_id)["billing-svc"]]
        assert issued == [is_stock_first, is_stock_first], "what was issued is void, what was not is never issued"


@MOODS
@pytest.mark.parametrize("reader", ["nobody has read it", "order_svc reads the grant first", "workflow_svc reads it first"])
def test_race_14_an_approval_while_a_cancel_is_in_flight(databases: Databases, mood: int | None, reader: str) -> None:
    with staged(databases, f"race-14-{reader.split()[0]}", mood) as scene:
        scene.item(stock=10)
        order_id = scene.place(10, price=DEAR)
        approval = scene.approval(order_id)
        scene.do(people.approve(*approval), people.APPROVER)
        if reader == "order_svc reads the grant first":
            scene.do(people.approve(*approval), people.FINANCE)
            assert scene.shows(order_id)[0] == "CONFIRMED"
        scene.office.now(people.cancel(order_id), people.BUYER)
        if reader == "nobody has read it":
            scene.office.now(people.approve(*approval), people.FINANCE)
        elif reader == "workflow_svc reads it first":
            scene.rest()
            with pytest.raises(NotPending):
                scene.office.now(people.approve(*approval), people.FINANCE)
        scene.rest()
        state = "WITHDRAWN" if reader == "workflow_svc reads it first" else "GRANTED"
        approved = scene.of(order_id).approval
        assert approved is not None
        assert approved.state.value == state
        assert scene.shows(order_id)[:4] == SETTLED[:4]
        assert scene.shows(order_id)[-1] == "SETTLED"
        assert scene.of(order_id).balances == {}
        assert scene.stock() == (10, 0)


@MORE_MOODS
@pytest.mark.parametrize(("group", "topic"), READ_BY_TOPIC, ids=[f"{group} {topic}" for group, topic in READ_BY_TOPIC])
def test_race_16_a_topic_that_a_service_reads_long_after_the_others(
    databases: Databases, mood: int | None, group: str, topic: str
) -> None:
    with staged(databases, f"race-16-{group}-{topic}", mood) as scene:
        scene.item(stock=5)
        kept, cancelled, failed = (_placed(scene, method) for method in ("pm_ok", "pm_ok", "pm_declined_hard"))
        _out_of_order(scene, group, topic, [people.cancel(cancelled), people.cancel(failed)])
        assert [scene.shows(order)[0] for order in (kept, cancelled, failed)] == ["CONFIRMED", "CANCELLED", "CANCELLED"]
        assert [scene.shows(order)[-1] for order in (cancelled, failed)] == ["SETTLED", "SETTLED"]
        _out_of_order(scene, group, topic, [people.ship(kept)])
        assert scene.shows(kept)[0] == "FULFILLED"
        assert scene.stock() == (4, 0)
        assert scene.of(kept).balances == {"1000": 1_200, "2000": -200, "4000": -1_000, "1200": -700, "5000": 700}
        assert [scene.of(order).balances for order in (cancelled, failed)] == [{}, {}]


def _placed(scene: Scene, method: str) -> str:
    order = people.order(scene.customer, method, people.line(scene.sku, 1))
    return str(scene.office.now(order, people.BUYER).order.order_id)


def _out_of_order(scene: Scene, group: str, topic: str, requests: list[Any]) -> None:
    """Let everything happen but what hangs on this topic for this group, twice: before and after the calls; then all of it."""
    with scene.held_back(group, topic):
        scene.rest()
        for request in requests:
            scene.do(request, people.CLERK)


@MORE_MOODS
@pytest.mark.parametrize("together", [False, True], ids=["one after the other", "in one batch"])
@pytest.mark.parametrize("is_cancel_first", [True, False], ids=["the cancel is first", "the shipment is first"])
def test_race_17_a_cancel_against_a_shipment(
    databases: Databases, mood: int | None, is_cancel_first: bool, together: bool
) -> None:
    with staged(databases, f"race-17-{is_cancel_first}-{together}", mood) as scene:
        scene.item(stock=4)
        order_id = scene.place(3)
        requests = [people.cancel(order_id), people.ship(order_id, (1, 2))]
        calls = [scene.office.ask(one, people.CLERK) for one in (requests if is_cancel_first else requests[::-1])]
        if together:
            won, lost = _answer(scene, *calls)
            assert not isinstance(won, Refusal)
            assert isinstance(lost, OrderNotShippable if is_cancel_first else OrderNotCancellable)
        scene.office.send_all()
        scene.rest()
        assert isinstance(calls[1].refusal, OrderNotShippable if is_cancel_first else OrderNotCancellable)
        if is_cancel_first:
            assert scene.shows(order_id) == SETTLED
            assert (scene.stock(), scene.of(order_id).balances) == ((4, 0), {})
            return
        assert scene.shows(order_id)[0] == "PARTIALLY_FULFILLED"
        scene.do(people.close(order_id), people.CLERK)
        assert (scene.shows(order_id)[0], scene.shows(order_id)[-1]) == ("FULFILLED", "SETTLED")
        assert scene.stock() == (2, 0)


@MOODS
@pytest.mark.parametrize("point", ["relay.after_produce", "relay.before_mark"])
def test_race_22_a_relay_that_dies_a_delivery_again_and_an_offset_reset(
    databases: Databases, mood: int | None, point: str
) -> None:
    with staged(databases, f"race-22-{point}", mood) as scene:
        scene.item(stock=6)
        scene.faults = _every_third(point)
        shipped, cancelled = scene.place(2), scene.place(2)
        scene.do(people.ship(shipped), people.CLERK)
        scene.do(people.cancel(cancelled), people.BUYER)
        assert len(scene.services.dead) > len(PUBLISHERS), "every service has told something, and died of it"
        scene.rewind()
        assert (scene.shows(shipped)[0], scene.shows(cancelled)) == ("FULFILLED", SETTLED)
        assert scene.stock() == (4, 0)
        assert all(len(kinds) == len(set(kinds)) for order in (shipped, cancelled) for kinds in scene.told(order).values())


def _every_third(point: str) -> Faults:
    """Death at this point in every third round of any relay; there are four relays, so that each gets on."""
    steps = Counter[str]()

    def draw(step: str) -> Fault | None:
        steps[step] += 1
        return Fault(point, "crash:1") if step == "relay" and steps[step] % 3 == 0 else None

    return draw
