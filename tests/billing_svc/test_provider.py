"""The REST client of the provider, against the sandbox provider's own application and against a server that misbehaves."""

from __future__ import annotations

import asyncio
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import uvicorn
from pydantic import SecretStr

from billing_svc.domain.provider_call import Answer, Call, DeclineKind, Outcome
from billing_svc.provider import PaymentQuestion, RefundQuestion, RestProvider
from deploy.sandbox_psp.app import Provider, build
from deploy.sandbox_psp.store import Store
from tests.billing_svc.builders import eur

KEY = SecretStr("a-key-of-this-test")


@dataclass
class Sandbox:
    """The sandbox provider with a clock that stands still."""

    port: int
    seconds: float = 1_000_000.0


@contextmanager
def _serving(listener: socket.socket, app: object) -> Iterator[None]:
    config = uvicorn.Config(app, http="httptools", loop="asyncio", lifespan="off", log_config=None)  # type: ignore[arg-type]  # ASGI
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The sandbox provider behind a real socket."""
    home: Path = tmp_path_factory.mktemp("psp")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = Sandbox(listener.getsockname()[1])
        store = Store(home)
        with _serving(listener, build(Provider(store, KEY, 1.5, lambda: running.seconds))):
            yield running
        store.close()


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[RestProvider]:
    """Billing's client of it."""
    yield from _client(sandbox.port)


def _client(port: int, key: SecretStr = KEY, timeout: float = 5.0) -> Iterator[RestProvider]:
    provider = RestProvider(f"http://127.0.0.1:{port}", key=key, timeout=timeout, connect_timeout=1.0)
    yield provider
    provider.close()


def _question(call: Call = Call.CHARGE, method: str = "pm_ok") -> PaymentQuestion:
    return PaymentQuestion(call, str(uuid.uuid4()), str(uuid.uuid4()), eur(3_600), method)


def test_a_charge_succeeds_and_is_one_however_often_it_is_sent(client: RestProvider) -> None:
    question = _question()
    first = client.ask_payment(question)
    assert (first.outcome, first.amount) == (Outcome.SUCCEEDED, eur(3_600))
    assert first.reference
    assert client.ask_payment(question) == first
    assert client.ask_payment(replace(question, call=Call.INQUIRE)) == first
    assert client.ask_payment(replace(question, call=Call.CANCEL)) == first


def test_a_hard_decline_is_read_as_one(client: RestProvider) -> None:
    answer = client.ask_payment(_question(method="pm_declined_hard"))
    assert (answer.outcome, answer.decline_kind) == (Outcome.DECLINED, DeclineKind.HARD)


def test_a_slow_payment_is_pending_first(client: RestProvider, sandbox: Sandbox) -> None:
    question = _question(method="pm_slow")
    assert client.ask_payment(question).outcome is Outcome.PENDING
    sandbox.seconds += 2
    assert client.ask_payment(replace(question, call=Call.INQUIRE)).outcome is Outcome.SUCCEEDED


def test_what_he_never_saw_is_not_found_and_can_be_cancelled_for_good(client: RestProvider) -> None:
    question = _question(Call.INQUIRE)
    assert client.ask_payment(question) == Answer(Outcome.NOT_FOUND)
    for call in (Call.CANCEL, Call.CHARGE, Call.INQUIRE):
        assert client.ask_payment(replace(question, call=call)).outcome is Outcome.CANCELED


def test_a_refund_is_given_once(client: RestProvider) -> None:
    payment = _question()
    client.ask_payment(payment)
    refund = RefundQuestion(payment.order_id, str(uuid.uuid4()), payment.payment_id, eur(3_600))
    first = client.ask_refund(refund)
    assert (first.outcome, first.amount) == (Outcome.SUCCEEDED, eur(3_600))
    assert first.reference
    assert client.ask_refund(refund) == first


def test_a_refund_of_more_than_came_in_says_nothing_about_the_money(client: RestProvider) -> None:
    payment = _question()
    client.ask_payment(payment)
    refund = RefundQuestion(payment.order_id, str(uuid.uuid4()), payment.payment_id, eur(9_999))
    assert client.ask_refund(refund).outcome is Outcome.UNREACHABLE


def test_a_wrong_key_is_no_answer(sandbox: Sandbox) -> None:
    for provider in _client(sandbox.port, SecretStr("wrong")):
        assert provider.ask_payment(_question()).outcome is Outcome.UNREACHABLE


def test_nobody_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for provider in _client(port):
        assert provider.ask_payment(_question()).outcome is Outcome.UNREACHABLE


def _misbehaving(answer: bytes | None) -> Callable[[socket.socket], None]:
    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            if answer is not None:
                connection.sendall(answer)
            else:
                connection.recv(1)  # returns when the client gives up

    return serve


def _response(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (None, Outcome.TIMED_OUT),
        (b"", Outcome.TIMED_OUT),
        (_response("200 OK", b"not json"), Outcome.TIMED_OUT),
        (_response("200 OK", b"[]"), Outcome.TIMED_OUT),
        (_response("200 OK", b'{"state": "NEW", "minor_units": 1, "currency_code": "EUR"}'), Outcome.TIMED_OUT),
        (_response("503 Service Unavailable", b""), Outcome.UNREACHABLE),
        (_response("500 Internal Server Error", b""), Outcome.UNREACHABLE),
    ],
    ids=["silence", "hang up", "no json", "no object", "unknown state", "503", "500"],
)
def test_what_the_provider_does_wrong_becomes_an_answer(answer: bytes | None, outcome: Outcome) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_misbehaving(answer), args=(listener,), daemon=True)
        thread.start()
        for provider in _client(listener.getsockname()[1], timeout=0.3):
            assert provider.ask_payment(_question()).outcome is outcome
        thread.join(5)
