"""Webhooks as a receiver on a real socket gets them: signed, again until he has them, and each by itself."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from standardwebhooks import Webhook

from deploy.sandbox_psp.app import Provider, build
from deploy.sandbox_psp.deliverer import MOST_AT_ONCE, Deliverer
from deploy.sandbox_psp.settings import DEFAULT_SECRETS
from deploy.sandbox_psp.signatures import Signer
from deploy.sandbox_psp.store import Store
from tests.deploy.sandbox_psp.merchant import (
    AUTHORIZED,
    MovableClock,
    Pauses,
    charge,
    code,
    inquire,
    listed,
    pay_out,
    refund,
)
from tests.deploy.sandbox_psp.receiver import HANG_UP, Delivery, Receiver, await_that

SUCCEEDED = "payment_intent.succeeded"


@pytest.fixture
def clock() -> MovableClock:
    """A clock at the time at which signatures are verified."""
    return MovableClock(time.time())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().listening() as receiver:
        yield receiver


@pytest.fixture
def timeout() -> float:
    """How many seconds a receiver may take."""
    return 30.0


@pytest.fixture
def psp(store: Store, clock: MovableClock, pauses: Pauses, receiver: Receiver, timeout: float) -> Iterator[TestClient]:
    provider = Provider(store, SecretStr("sandbox-key"), slow_seconds=1.5, now=clock, pause=pauses)
    deliverer = Deliverer(store, receiver.url, Signer(SecretStr(DEFAULT_SECRETS)), clock, timeout=timeout)
    with TestClient(build(provider, deliverer), headers=AUTHORIZED) as client:
        yield client


def _messages(psp: TestClient, state: str) -> list[dict[str, Any]]:
    return [message for message in listed(psp, "webhooks") if message["state"] == state]


def _await_rest(psp: TestClient) -> None:
    await_that(lambda: not _messages(psp, "WAITING"))


def _verified(delivery: Delivery) -> Any:
    return Webhook(DEFAULT_SECRETS).verify(delivery.body, delivery.headers)


def test_everything_that_happens_is_told_as_get_shows_it(psp: TestClient, receiver: Receiver) -> None:
    paid, declined = charge(psp, "attempt-1").json(), charge(psp, "attempt-2", "pm_declined_hard").json()
    charge(psp, "attempt-3", "pm_slow")
    canceled = psp.post("/v1/payment_intents/attempt-3/cancel").json()
    refunded = refund(psp, "refund-1", "attempt-1", 1_000).json()
    payout = pay_out(psp, "EUR").json()
    (fee,) = listed(psp, "fees")
    del payout["create_time"], fee["create_time"]
    _await_rest(psp)
    assert {delivery.document["type"]: _verified(delivery)["data"] for delivery in receiver.deliveries} == {
        "payment_intent.succeeded": paid,
        "payment_intent.declined": declined,
        "payment_intent.canceled": canceled,
        "fee.charged": fee,
        "refund.succeeded": refunded,
        "payout.paid": payout,
    }
    assert {delivery.headers["content-type"] for delivery in receiver.deliveries} == {"application/json"}
    assert {delivery.document["timestamp"] for delivery in receiver.deliveries} == {paid["create_time"]}
    assert {(m["id"], m["tries"], m["status"]) for m in _messages(psp, "DELIVERED")} == {
        (delivery.id, 1, 204) for delivery in receiver.deliveries
    }


@pytest.mark.parametrize("failure", [HANG_UP, 500, 503, 302, 408, 409, 429])
def test_it_is_sent_again_until_the_receiver_has_it(
    psp: TestClient, receiver: Receiver, clock: MovableClock, failure: int
) -> None:
    receiver.answer = lambda delivery: failure if Counter(d.id for d in receiver.deliveries)[delivery.id] < 4 else 204
    charge(psp, "attempt-1")
    for tries in (1, 2, 3):
        await_that(lambda tries=tries: [m["tries"] for m in listed(psp, "webhooks")] == [tries] * 2)  # type: ignore[misc]
        clock.seconds += 0.5 * 2 ** (tries - 1)
    _await_rest(psp)
    assert [(m["state"], m["tries"], m["status"]) for m in listed(psp, "webhooks")] == [("DELIVERED", 4, 204)] * 2
    assert set(Counter((delivery.id, delivery.body) for delivery in receiver.deliveries).values()) == {4}
    assert all(_verified(delivery) for delivery in receiver.deliveries)


@pytest.mark.parametrize("timeout", [0.5])
def test_a_receiver_that_does_not_answer_has_failed(psp: TestClient, receiver: Receiver, clock: MovableClock) -> None:
    going = threading.Event()
    receiver.answer = lambda _: 204 if going.wait(20) else 500
    charge(psp, "attempt-1", "pm_declined_hard")
    await_that(lambda: [(m["tries"], m["status"]) for m in listed(psp, "webhooks")] == [(1, None)])
    going.set()
    clock.seconds += 0.5
    _await_rest(psp)
    assert [(m["state"], m["tries"]) for m in listed(psp, "webhooks")] == [("DELIVERED", 2)]


def test_what_is_refused_is_kept_with_its_status_and_sent_again_when_asked(psp: TestClient, receiver: Receiver) -> None:
    receiver.answer = lambda _: 401
    charge(psp, "attempt-1", "pm_declined_hard")
    _await_rest(psp)
    (refused,) = listed(psp, "webhooks")
    assert (refused["state"], refused["status"], refused["tries"]) == ("REFUSED", 401, 1)
    receiver.answer = lambda _: 204
    again = psp.post(f"/v1/webhooks/{refused['id']}/resend")
    assert (again.status_code, again.json()["state"]) == (202, "WAITING")
    _await_rest(psp)
    assert psp.post(f"/v1/webhooks/{refused['id']}/resend").status_code == 202
    await_that(lambda: len(receiver.deliveries) == 3)
    _await_rest(psp)
    assert {delivery.id for delivery in receiver.deliveries} == {refused["id"]}
    assert [(m["state"], m["tries"]) for m in listed(psp, "webhooks")] == [("DELIVERED", 3)]


def test_a_message_that_is_not_there_cannot_be_sent_again(psp: TestClient) -> None:
    response = psp.post("/v1/webhooks/msg_1/resend")
    assert (response.status_code, code(response)) == (404, "webhook_not_found")


def test_pm_duplicate_webhooks_delivers_each_message_five_times(psp: TestClient, receiver: Receiver) -> None:
    charge(psp, "attempt-1", "pm_duplicate_webhooks")
    refund(psp, "refund-1", "attempt-1", 1)
    charge(psp, "attempt-2")
    _await_rest(psp)
    assert sorted(Counter(delivery.id for delivery in receiver.deliveries).values()) == [1, 1, 5, 5, 5]


def test_one_delivery_that_takes_long_holds_up_no_other(psp: TestClient, receiver: Receiver) -> None:
    going = threading.Event()
    receiver.answer = lambda delivery: 204 if delivery.document["type"] != SUCCEEDED or going.wait(20) else 500
    charge(psp, "attempt-1")
    for n in range(20):
        charge(psp, f"declined-{n}", "pm_declined_hard")
    await_that(lambda: len(_messages(psp, "DELIVERED")) == 21)
    assert [(message["type"], message["tries"]) for message in _messages(psp, "WAITING")] == [(SUCCEEDED, 0)]
    going.set()


def test_more_than_can_be_sent_at_once_are_all_delivered_once(psp: TestClient, receiver: Receiver) -> None:
    for n in range(MOST_AT_ONCE + 20):
        charge(psp, f"attempt-{n}")
    _await_rest(psp)
    assert set(Counter(delivery.id for delivery in receiver.deliveries).values()) == {1}
    told = {delivery.document["data"]["key"] for delivery in receiver.of_type(SUCCEEDED)}
    assert told == {f"attempt-{n}" for n in range(MOST_AT_ONCE + 20)}


def test_what_settles_or_arrives_later_is_told_without_anybody_asking(
    psp: TestClient, receiver: Receiver, clock: MovableClock
) -> None:
    charge(psp, "slow", "pm_slow")
    charge(psp, "lost", "pm_lost_then_arrives")
    charge(psp, "reported", "pm_late_failure_after_success")
    charge(psp, "given-back", "pm_refund_slow")
    refund(psp, "refund-1", "given-back", 1)
    clock.seconds += 8
    await_that(lambda: len(receiver.deliveries) == 10)
    told = {delivery.document["data"]["key"]: _verified(delivery)["data"] for delivery in receiver.of_type(SUCCEEDED)}
    assert told == {key: inquire(psp, key).json() for key in ("slow", "lost", "reported", "given-back")}
    (refunded,) = receiver.of_type("refund.succeeded")
    assert refunded.document["data"] == psp.get("/v1/refunds/refund-1").json()
    (wrong,) = receiver.of_type("payment_intent.declined")
    said = wrong.document["data"]
    assert (said["key"], said["state"], said["received_minor_units"]) == ("reported", "DECLINED", None)


def test_a_day_without_a_receiver_gives_a_message_up(psp: TestClient, receiver: Receiver, clock: MovableClock) -> None:
    receiver.answer = lambda _: 503
    charge(psp, "attempt-1", "pm_declined_hard")
    await_that(lambda: [m["tries"] for m in listed(psp, "webhooks")] == [1])
    clock.seconds += 24 * 3600
    _await_rest(psp)
    assert [(m["state"], m["status"]) for m in listed(psp, "webhooks")] == [("GIVEN_UP", 503)]


def test_where_nobody_is_to_be_told_no_message_is_kept(tmp_path: Path) -> None:
    store, clock = Store(tmp_path), MovableClock()
    with TestClient(build(Provider(store, SecretStr("sandbox-key"), 1.5, clock)), headers=AUTHORIZED) as psp:
        charge(psp, "attempt-1", "pm_late_failure_after_success")
        clock.seconds += 100
        assert (listed(psp, "webhooks"), len(listed(psp, "fees"))) == ([], 1)
    store.close()


def test_a_deliverer_that_breaks_ends_the_process(store: Store, clock: MovableClock) -> None:
    ended = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: ended.set())
    try:
        deliverer = Deliverer(store, "http://127.0.0.1:1/", Signer(SecretStr(DEFAULT_SECRETS)), lambda: 1 / 0)
        with TestClient(build(Provider(store, SecretStr("sandbox-key"), 1.5, clock), deliverer)):
            await_that(ended.is_set)
    finally:
        signal.signal(signal.SIGTERM, before)
