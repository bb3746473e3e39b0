"""What a provider sends by himself: the body as it came, with what proves it, and no token."""

from __future__ import annotations

import pytest

from atlas.billing.v1 import webhook_pb2
from tests.gateway.backend import Gateway

PATH = "/v1/webhooks/payments/sandbox"
BODY = b'{"type" :  "payout.paid",\n "data": {"minor_units": 1.0, "twice": 1, "twice": 2}}'
PROOF = {"webhook-id": "msg_1", "webhook-timestamp": "1700000000", "webhook-signature": "v1,AAAA v1,BBBB"}


async def test_the_body_arrives_as_it_came_with_what_proves_it(gateway: Gateway) -> None:
    answer = await gateway.client.post(PATH, content=BODY, headers={"content-type": "application/json", **PROOF})
    assert (answer.status_code, answer.content) == (204, b"")
    assert isinstance(gateway.backend.request, webhook_pb2.ReceivePaymentWebhookRequest)
    assert (gateway.backend.request.provider, gateway.backend.request.payload.data) == ("sandbox", BODY)
    assert gateway.backend.request.payload.content_type == "application/json"
    assert {name: gateway.backend.metadata[name] for name in PROOF} == PROOF
    assert "authorization" not in gateway.backend.metadata


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"not json"])
async def test_whatever_the_body_is_the_service_judges_it(gateway: Gateway, content: bytes) -> None:
    answer = await gateway.client.post(PATH, content=content, headers=PROOF)
    assert answer.status_code == 204
    assert gateway.backend.request.payload.data == content


async def test_no_header_of_proof_is_made_up(gateway: Gateway) -> None:
    await gateway.client.post(PATH, content=BODY)
    assert not PROOF.keys() & gateway.backend.metadata.keys()


@pytest.mark.parametrize("name", PROOF)
@pytest.mark.parametrize("value", ["v1,\xe9", "a\tb", "x" * 2_049, " "])
async def test_a_proof_that_cannot_be_one_is_401_and_goes_no_further(gateway: Gateway, name: str, value: str) -> None:
    headers = [(key.encode(), text.encode()) for key, text in PROOF.items() if key != name]
    answer = await gateway.client.post(PATH, content=BODY, headers=[*headers, (name.encode(), value.encode("latin-1"))])
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
    assert gateway.backend.seen == []


async def test_elsewhere_such_a_header_is_like_any_other(gateway: Gateway) -> None:
    headers = [(name.encode(), value.encode()) for name, value in gateway.headers().items()]
    answer = await gateway.client.get("/v1/orders", headers=[*headers, (b"webhook-id", b"\xe9")])
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_HEADER")


async def test_there_are_the_same_limits_as_for_any_body(gateway: Gateway) -> None:
    too_long = await gateway.client.post(PATH, content=b"x" * (256 * 1024 + 1), headers=PROOF)
    packed = await gateway.client.post(PATH, content=BODY, headers={**PROOF, "content-encoding": "gzip"})
    asked = await gateway.client.get(PATH, headers=gateway.headers())
    assert [answer.status_code for answer in (too_long, packed, asked)] == [413, 415, 405]
    assert gateway.backend.seen == []
