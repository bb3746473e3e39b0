"""The textbook reference is a correct service: once for each key, events with the order, tokens on both hops."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from jose import jwk

from bench.load import ORDER
from bench.raw_kafka import Cluster
from bench.textbook import gateway, service
from bench.textbook.relay import Relay
from bench.textbook.tables import Entity, IdempotencyKey, Order, OutboxEvent, engine_of, sessions_of
from bench.textbook.tokens import ALGORITHM, Verifier
from deploy.local import free_base
from tests.chassis.issuer import ISSUER
from tests.security.tokens import Forge, fresh_signer

SIGNER = fresh_signer("textbook-key")
KEY = SIGNER.public_jwk()
KEYS = {KEY["kid"]: jwk.construct(KEY, ALGORITHM)}


@pytest.fixture(scope="module")
def engine(postgres_url: str) -> Iterator[sa.Engine]:
    """A database with the reference's tables."""
    made = engine_of(postgres_url)
    Entity.metadata.create_all(made)
    yield made
    made.dispose()


@pytest.fixture(scope="module")
async def client(engine: sa.Engine) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the reference's gateway, in front of its service."""
    port = free_base()
    server = service.serve(service.OrderService(sessions_of(engine), Verifier(ISSUER, service.AUDIENCE, KEYS)), port)
    app = gateway.build(Verifier(ISSUER, gateway.AUDIENCE, KEYS), f"127.0.0.1:{port}")
    transport = httpx2.ASGITransport(app=app)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as made:
        yield made
    server.stop(None).wait()


async def _place(client: httpx2.AsyncClient, key: str = "", body: Any = ORDER, scope: str = "orders:write") -> httpx2.Response:
    forge = Forge(SIGNER, ISSUER, int(time.time()))
    token = forge.token(resource_access={"atlas-gateway": {"roles": [scope]}})
    headers = {"authorization": f"Bearer {token}", "idempotency-key": key or uuid.uuid4().hex}
    return await client.post("/v1/orders", json=body, headers=headers)


def _counts(engine: sa.Engine) -> list[int]:
    with engine.connect() as connection:
        tables = (Order, OutboxEvent, IdempotencyKey)
        return [connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for table in tables]


async def test_an_order_is_priced_and_answered(client: httpx2.AsyncClient) -> None:
    answer = await _place(client)
    assert answer.status_code == 201
    order = answer.json()
    amounts = [order[name]["minor_units"] for name in ("net", "tax", "total")]
    assert (order["state"], amounts) == ("PLACED", [5997, 1199, 7196])


async def test_a_key_places_one_order_with_one_event(client: httpx2.AsyncClient, engine: sa.Engine) -> None:
    before = _counts(engine)
    first, again = await _place(client, "twice"), await _place(client, "twice")
    assert first.json() == again.json()
    assert [after - count for after, count in zip(_counts(engine), before, strict=True)] == [1, 1, 1]
    assert (await _place(client, "twice", ORDER | {"customer_id": "other"})).status_code == 409


async def test_what_is_not_allowed_or_not_valid_leaves_nothing(client: httpx2.AsyncClient, engine: sa.Engine) -> None:
    before = _counts(engine)
    assert (await _place(client, scope="orders:read")).status_code == 401
    assert (await _place(client, body=ORDER | {"lines": []})).status_code == 422
    assert _counts(engine) == before


async def test_the_relay_publishes_each_event_once(client: httpx2.AsyncClient, engine: sa.Engine, kafka_bootstrap: str) -> None:
    cluster = Cluster(kafka_bootstrap, "embedded")
    cluster.make_topic(service.TOPIC)
    await _place(client)
    relay = Relay(sessions_of(engine), kafka_bootstrap)
    assert relay.drain() == _counts(engine)[1]
    assert relay.drain() == 0
    keys = [key for key, _ in cluster.read(service.TOPIC, {})]
    assert len(set(keys)) == len(keys) == _counts(engine)[0]
