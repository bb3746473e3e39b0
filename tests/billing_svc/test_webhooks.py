"""What the provider tells by himself: signed by Standard Webhooks, kept before it is answered, applied once, in any order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc.aio
import pytest
import sqlalchemy as sa
from google.api.httpbody_pb2 import HttpBody
from pydantic import SecretStr
from standardwebhooks import Webhook

from atlas.billing.v1 import webhook_pb2
from billing_svc import tables
from billing_svc.domain.order_account import OrderAccount
from billing_svc.domain.payment import Attempt, PaymentState
from billing_svc.settings import Settings
from billing_svc.webhooks import Signatures
from chassis.errors import Unauthenticated
from chassis.tables import audit_log
from tests.billing_svc.builders import inventory_reserved, order_cancelled, order_placed
from tests.billing_svc.served import Client, Refused, read_refusal
from tests.billing_svc.till import Till, new_order_id

SECRET = Settings().psp_webhook_secrets.get_secret_value()
VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR_ID, VECTOR_TIME = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330
VECTOR_BODY = b'{"test": 2432232314}'
VECTOR_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def _headers(body: str, message_id: str, *, secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
    at = at or datetime.now(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, at, body),
    }


def _request(body: str) -> webhook_pb2.ReceivePaymentWebhookRequest:
    payload = HttpBody(content_type="application/json", data=body.encode())
    return webhook_pb2.ReceivePaymentWebhookRequest(provider="sandbox", payload=payload)


async def _send(client: Client, said: Any, message_id: str = "", **how: Any) -> str:
    """Send a message; its id."""
    body, message_id = said if isinstance(said, str) else json.dumps(said), message_id or f"msg_{uuid4()}"
    await client.signed(_request(body), _headers(body, message_id, **how))
    return message_id


async def _refused(client: Client, request: Any, headers: dict[str, str]) -> Refused:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await client.signed(request, headers)
    return read_refusal(error.value)


def _payment(account: OrderAccount, kind: str = "succeeded", **changes: Any) -> dict[str, Any]:
    attempt = account.attempts[-1]
    came = kind == "succeeded"
    data = {
        "intent_id": f"pi_{attempt.payment_id}",
        "key": attempt.payment_id,
        "reference": account.order_id,
        "state": kind.upper(),
        "decline_kind": None if came else "hard",
        "minor_units": attempt.amount.minor_units,
        "currency_code": attempt.amount.currency_code,
        "received_minor_units": attempt.amount.minor_units if came else None,
        "received_currency_code": attempt.amount.currency_code if came else None,
    }
    return {"type": f"payment_intent.{kind}", "data": {**data, **changes}}


def _refund(account: OrderAccount, kind: str = "succeeded", **changes: Any) -> dict[str, Any]:
    (refund,) = account.refunds
    said = {"refund_id": "re_1", "key": refund.refund_id, "intent_key": refund.payment_id, "state": kind.upper()}
    return {"type": f"refund.{kind}", "data": {**said, "minor_units": 3_600, "currency_code": "EUR", **changes}}


@pytest.fixture
def unpaid(till: Till) -> OrderAccount:
    """An order whose attempt is under way; the provider was not asked yet."""
    order_id = new_order_id()
    till.read(order_placed(order_id), inventory_reserved(order_id))
    return till.account(order_id)


def _attempt(till: Till, account: OrderAccount) -> Attempt:
    return till.account(account.order_id).attempts[0]


def _messages(till: Till, *message_ids: str) -> list[Any]:
    table = tables.provider_message
    with till.application.database.connect() as connection:
        keys = [f"sandbox/{message_id}" for message_id in message_ids]
        return list(connection.execute(sa.select(table).where(table.c.message_key.in_(keys)).order_by(table.c.message_key)))


async def test_money_is_here_as_soon_as_the_provider_tells(client: Client, till: Till, unpaid: OrderAccount) -> None:
    message_id = await _send(client, _payment(unpaid))
    assert _attempt(till, unpaid).state is PaymentState.SUCCEEDED
    assert till.names(unpaid.order_id) == ["InvoiceCreated", "PaymentSucceeded"]
    (kept,) = _messages(till, message_id)
    assert (kept.kind, kept.refused_field) == ("payment_intent.succeeded", None)
    till.settle()
    assert till.names(unpaid.order_id).count("PaymentSucceeded") == 1, "whoever asked afterwards changed nothing"
    assert till.findings() == []


async def test_a_message_a_hundred_times_is_one_journal(client: Client, till: Till, unpaid: OrderAccount) -> None:
    said, message_id = _payment(unpaid), f"msg_{uuid4()}"
    await asyncio.gather(*[_send(client, said, message_id) for _ in range(100)])
    assert till.journals(unpaid.order_id) == ["INVOICE", "PAYMENT"]
    assert len(_messages(till, message_id)) == 1


async def test_a_message_is_known_for_ever_and_not_only_while_its_key_is(
    client: Client, till: Till, unpaid: OrderAccount
) -> None:
    message_id = await _send(client, _payment(unpaid))
    with till.application.database.begin() as connection:
        connection.execute(sa.text("DELETE FROM idempotency WHERE key = :key"), {"key": message_id})
    await _send(client, _payment(unpaid), message_id)
    assert _messages(till, message_id)[0].version == 1
    assert till.journals(unpaid.order_id) == ["INVOICE", "PAYMENT"]


async def test_the_same_id_with_another_body_is_refused(client: Client, unpaid: OrderAccount) -> None:
    message_id = await _send(client, _payment(unpaid))
    body = json.dumps(_payment(unpaid, "declined"))
    assert (await _refused(client, _request(body), _headers(body, message_id))).reason == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize("first", ["succeeded", "declined"])
async def test_reports_in_any_order_end_in_the_money(client: Client, till: Till, unpaid: OrderAccount, first: str) -> None:
    for kind in (first, "declined" if first == "succeeded" else "succeeded"):
        await _send(client, _payment(unpaid, kind))
    attempt = _attempt(till, unpaid)
    assert attempt.state is PaymentState.SUCCEEDED
    assert attempt.has_late_failure == (first == "succeeded")
    till.settle()
    assert till.balances(unpaid.order_id) == {"1000": 3_600, "2000": -600, "2300": -3_000}


async def test_money_for_a_cancelled_order_is_given_back(client: Client, till: Till, unpaid: OrderAccount) -> None:
    till.read(order_cancelled(unpaid.order_id))
    await _send(client, _payment(unpaid))
    await _send(client, _refund(till.account(unpaid.order_id)))
    assert till.balances(unpaid.order_id) == {}
    assert till.names(unpaid.order_id)[-2:] == ["RefundSucceeded", "OrderBillingClosed"]


async def test_a_refund_that_he_refused_is_told_twice_and_counts_once(client: Client, till: Till, unpaid: OrderAccount) -> None:
    till.read(order_cancelled(unpaid.order_id))
    await _send(client, _payment(unpaid))
    asked = till.account(unpaid.order_id)
    await _send(client, _refund(asked, "failed"))
    assert till.account(unpaid.order_id) == asked, "he answers the call as well"


REFUND_REFUSALS: list[tuple[str, dict[str, Any], str, str]] = [
    ("another refund", {"key": str(uuid4())}, "data.key", "key.known"),
    ("another payment", {"intent_key": str(uuid4())}, "data.intent_key", "reference.matches"),
    ("another amount", {"minor_units": 3_601}, "data.minor_units", "amount.matches"),
    ("another currency", {"currency_code": "USD"}, "data.currency_code", "currency.matches"),
]


@pytest.mark.parametrize(
    ("changes", "field", "rule"), [it[1:] for it in REFUND_REFUSALS], ids=[it[0] for it in REFUND_REFUSALS]
)
async def test_a_refund_that_is_not_as_we_know_it_is_refused_kept_and_changes_nothing(
    client: Client, till: Till, unpaid: OrderAccount, changes: dict[str, Any], field: str, rule: str
) -> None:
    till.read(order_cancelled(unpaid.order_id))
    await _send(client, _payment(unpaid))
    asked = till.account(unpaid.order_id)
    await _refused_and_kept(client, till, _refund(asked, **changes), field, rule)
    assert till.account(unpaid.order_id) == asked


async def test_less_than_asked_pays_in_part(client: Client, till: Till, unpaid: OrderAccount) -> None:
    await _send(client, _payment(unpaid, received_minor_units=1_600))
    account = till.account(unpaid.order_id)
    assert account.invoice
    assert account.invoice.outstanding.minor_units == 2_000
    assert "PaymentFailed" in till.names(unpaid.order_id)


async def test_fees_and_payouts_are_booked_once(client: Client, till: Till, unpaid: OrderAccount) -> None:
    await _send(client, _payment(unpaid))
    fee = {"fee_id": f"fee_{uuid4()}", "intent_key": unpaid.attempts[0].payment_id, "minor_units": 75, "currency_code": "EUR"}
    payout = {"payout_id": f"po_{uuid4()}", "minor_units": 3_525, "currency_code": "EUR"}
    for _ in range(2):
        await _send(client, {"type": "fee.charged", "data": fee})
        await _send(client, {"type": "payout.paid", "data": payout})
    assert _booked(till, f"fee/{fee['fee_id']}") == {"5100": 75, "1000": -75}
    assert _booked(till, f"payout/{payout['payout_id']}") == {"1010": 3_525, "1000": -3_525}
    assert till.findings() == []


def _booked(till: Till, ref: str) -> dict[str, int]:
    statement = sa.select(tables.entry).join(tables.journal).where(tables.journal.c.ref == ref)
    with till.application.database.connect() as connection:
        return {row.account: row.amount for row in connection.execute(statement)}


REFUSALS: list[tuple[str, dict[str, Any], str, str]] = [
    ("another payment", {"key": str(uuid4())}, "data.key", "key.known"),
    ("another order", {"reference": str(uuid4())}, "data.reference", "reference.matches"),
    ("another amount", {"minor_units": 3_601, "received_minor_units": 3_601}, "data.minor_units", "amount.matches"),
    ("another currency", {"currency_code": "USD"}, "data.currency_code", "currency.matches"),
    ("no state", {"state": "FOUND"}, "data", "data.readable"),
    ("no amount", {"received_minor_units": True}, "data", "data.readable"),
    ("a negative amount", {"minor_units": -3_600}, "data", "data.readable"),
    ("too much for a number", {"received_minor_units": 2**60}, "data", "data.readable"),
    ("no id", {"key": "\u0000"}, "data", "data.readable"),
]


@pytest.mark.parametrize(("changes", "field", "rule"), [it[1:] for it in REFUSALS], ids=[it[0] for it in REFUSALS])
async def test_what_is_not_as_we_know_it_is_refused_kept_and_changes_nothing(
    client: Client, till: Till, unpaid: OrderAccount, changes: dict[str, Any], field: str, rule: str
) -> None:
    await _refused_and_kept(client, till, _payment(unpaid, **changes), field, rule)
    assert till.account(unpaid.order_id) == unpaid


async def _refused_and_kept(client: Client, till: Till, said: Any, field: str, rule: str) -> None:
    """Send what does not agree with what we know, twice: it is refused for this each time, kept once, and audited."""
    body, message_id = json.dumps(said), f"msg_{uuid4()}"
    for _ in range(2):
        refused = await _refused(client, _request(body), _headers(body, message_id))
        assert (refused.reason, refused.violations) == ("VALIDATION_FAILED", {field: rule})
    (kept,) = _messages(till, message_id)
    assert (kept.refused_field, kept.refused_rule, kept.body) == (field, rule, body)
    assert _audited(till, message_id)


def _audited(till: Till, message_id: str) -> bool:
    found = sa.select(audit_log.c.method).where(audit_log.c.resource.contains(message_id))
    with till.application.database.connect() as connection:
        return connection.execute(found).scalars().all() == ["ReceivePaymentWebhook"]


@pytest.mark.parametrize("body", ["", "[]", "{", "nothing", '{"type": 1, "data": {}}', "9" * 5_000, "[" * 50_000, '"\0"'])
async def test_a_signed_body_of_no_shape_is_kept_and_refused(client: Client, till: Till, body: str) -> None:
    message_id = f"msg_{uuid4()}"
    if not body:  # an empty body is no message at all
        assert (await _refused(client, _request(body), _headers(body, message_id))).reason == "VALIDATION_FAILED"
        return
    refused = await _refused(client, _request(body), _headers(body, message_id))
    assert refused.violations == {"data": "data.readable"}
    assert len(_messages(till, message_id)) == 1


async def test_a_kind_that_nothing_follows_from_is_kept(client: Client, till: Till) -> None:
    message_id = await _send(client, {"type": "dispute.opened", "data": {"anything": 1}})
    assert [(row.kind, row.refused_field) for row in _messages(till, message_id)] == [("dispute.opened", None)]


def _forgeries() -> Iterator[tuple[str, dict[str, str]]]:
    body = json.dumps({"type": "payout.paid", "data": {}})
    good = _headers(body, "msg_1")
    yield "no headers", {}
    yield from ((f"no {name}", {k: v for k, v in good.items() if k != name}) for name in good)
    yield "another secret", _headers(body, "msg_1", secret=VECTOR_SECRET)
    yield "six minutes old", _headers(body, "msg_1", at=datetime.now(UTC) - timedelta(minutes=6))
    yield "from the future", _headers(body, "msg_1", at=datetime.now(UTC) + timedelta(hours=6))
    yield "another id", good | {"webhook-id": "msg_2"}
    for text in ("", "v1", "v1,", "garbage", "v1,a,b", "v1,***", "v2,abc", "v1a," + "A" * 44, ",", " ", "v1,AAAA v1"):
        yield f"signature {text!r}", good | {"webhook-signature": text}
    for text in ("", "now", "-1", "1e99", "NaN", "inf", "0x1", "1" * 400, str(2**63), "1.5.2"):
        yield f"timestamp {text!r}", good | {"webhook-timestamp": text}


@pytest.mark.parametrize("headers", [it[1] for it in _forgeries()], ids=[it[0] for it in _forgeries()])
async def test_what_is_not_proved_is_401_and_nothing_is_kept(client: Client, till: Till, headers: dict[str, str]) -> None:
    request = _request(json.dumps({"type": "payout.paid", "data": {}}))
    refused = await _refused(client, request, headers)
    assert (refused.reason, refused.detail) == ("UNAUTHENTICATED", "the signature is missing or not valid")
    assert _messages(till, headers.get("webhook-id", "msg_1")) == []


async def test_another_body_is_not_proved(client: Client) -> None:
    headers = _headers("{}", "msg_1")
    assert (await _refused(client, _request("{ }"), headers)).reason == "UNAUTHENTICATED"
    payload = HttpBody(content_type="application/json", data=b"\xff\xfe")
    request = webhook_pb2.ReceivePaymentWebhookRequest(provider="sandbox", payload=payload)
    assert (await _refused(client, request, headers)).reason == "UNAUTHENTICATED"


async def test_there_is_one_provider(client: Client) -> None:
    request = _request("{}")
    request.provider = "another"
    assert (await _refused(client, request, _headers("{}", "msg_1"))).reason == "NOT_FOUND"


def test_the_vector_of_the_standard_verifies() -> None:
    at = datetime.fromtimestamp(VECTOR_TIME, UTC)
    assert Webhook(VECTOR_SECRET).sign(VECTOR_ID, at, VECTOR_BODY.decode()) == VECTOR_SIGNATURE
    headers = {"webhook-id": VECTOR_ID, "webhook-timestamp": str(VECTOR_TIME), "webhook-signature": VECTOR_SIGNATURE}
    with pytest.raises(Unauthenticated):  # it is years old
        Signatures(SecretStr(VECTOR_SECRET)).verify(VECTOR_BODY, headers)


def test_while_a_secret_is_rotated_both_count_and_afterwards_one() -> None:
    old, new, body = SECRET, VECTOR_SECRET, "{}"
    both = Signatures(SecretStr(f"{new}, {old}"))
    assert both.verify(body.encode(), _headers(body, "msg_1", secret=old)) == "msg_1"
    assert both.verify(body.encode(), _headers(body, "msg_1", secret=new)) == "msg_1"
    two = _headers(body, "msg_1", secret=old)
    two["webhook-signature"] += " " + _headers(body, "msg_1", secret=new)["webhook-signature"]
    assert Signatures(SecretStr(new)).verify(body.encode(), two) == "msg_1"
    with pytest.raises(Unauthenticated):
        Signatures(SecretStr(new)).verify(body.encode(), _headers(body, "msg_1", secret=old))
