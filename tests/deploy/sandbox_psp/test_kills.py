"""Webhooks and what is still to come survive kill -9 of the real process: nothing is lost, nothing is made up."""

from __future__ import annotations

import random
import threading
from pathlib import Path
from typing import Any

import httpx2
from standardwebhooks import Webhook

from tests.deploy.sandbox_psp.process import SECRETS, free_port, running
from tests.deploy.sandbox_psp.receiver import HANG_UP, Delivery, Receiver, await_that

BODY = {"minor_units": 100, "currency_code": "EUR", "reference": "order-1"}
SUCCEEDED = "payment_intent.succeeded"
SEED, KILLS, CHARGES_A_LIFE = 20_261, 4, 15


def _charge(client: httpx2.Client, key: str, method: str = "pm_ok") -> httpx2.Response:
    return client.post("/v1/payment_intents", headers={"Idempotency-Key": key}, json=BODY | {"payment_method": method})


def _messages(client: httpx2.Client) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = client.get("/v1/webhooks", params={"limit": 1000}).json()["data"]
    return messages


def _verify(delivery: Delivery) -> None:
    for secret in SECRETS.split(","):
        Webhook(secret).verify(delivery.body, delivery.headers)


def test_what_was_not_delivered_before_kill_9_is_delivered_after_it(tmp_path: Path) -> None:
    port = free_port()
    options = ("--webhook-url", f"http://127.0.0.1:{port}/hooks", "--late-seconds", "1", "--hang-seconds", "0.1")
    with running(tmp_path / "psp", tmp_path / "log", *options) as (process, client):
        _charge(client, "paid")
        _charge(client, "slow", "pm_slow")
        assert _charge(client, "lost", "pm_lost_then_arrives").status_code == 504
        await_that(lambda: any(message["tries"] for message in _messages(client)))
        process.kill()
    with (
        Receiver(port).listening() as receiver,
        running(tmp_path / "psp", tmp_path / "log", *options) as (_, client),
    ):
        await_that(lambda: {"paid", "slow", "lost"} <= {d.document["data"]["key"] for d in receiver.of_type(SUCCEEDED)})
        await_that(lambda: {message["state"] for message in _messages(client)} == {"DELIVERED"})
        assert [intent["key"] for intent in client.get("/v1/payment_intents").json()["data"]] == ["paid", "slow", "lost"]
        for delivery in receiver.deliveries:
            _verify(delivery)
    log = (tmp_path / "log").read_text()
    assert "webhook answered" in log
    assert [secret for secret in SECRETS.split(",") if secret.removeprefix("whsec_") in log] == []


def test_no_message_is_lost_however_often_it_is_killed_and_its_receiver_fails(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    acknowledged: set[str] = set()
    with Receiver().listening() as receiver:
        receiver.answer = lambda _: chance.choice((204, 204, 500, 429, HANG_UP))
        for life in range(KILLS):
            with running(tmp_path / "psp", tmp_path / "log", "--webhook-url", receiver.url) as (process, client):
                enough = threading.Timer(chance.uniform(0.1, 0.5), process.kill)
                enough.start()
                _charge_until_dead(client, life, acknowledged)
                enough.join()
        receiver.answer = lambda _: 204
        with running(tmp_path / "psp", tmp_path / "log", "--webhook-url", receiver.url) as (_, client):
            await_that(lambda: {message["state"] for message in _messages(client)} <= {"DELIVERED"})
            known = {intent["key"] for intent in client.get("/v1/payment_intents?limit=1000").json()["data"]}
            ids = {message["id"] for message in _messages(client)}
    for delivery in receiver.deliveries:
        _verify(delivery)
    assert acknowledged
    assert acknowledged <= known == {delivery.document["data"]["key"] for delivery in receiver.of_type(SUCCEEDED)}
    assert known == {delivery.document["data"]["intent_key"] for delivery in receiver.of_type("fee.charged")}
    assert {delivery.id for delivery in receiver.deliveries} == ids
    assert len(ids) == len({(delivery.id, delivery.body) for delivery in receiver.deliveries}) == 2 * len(known)


def _charge_until_dead(client: httpx2.Client, life: int, acknowledged: set[str]) -> None:
    for n in range(CHARGES_A_LIFE):
        key = f"attempt-{life}-{n}"
        try:
            _charge(client, key).raise_for_status()
        except httpx2.TransportError:
            return
        acknowledged.add(key)
