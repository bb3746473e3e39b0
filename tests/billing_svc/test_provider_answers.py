"""What the provider answers: only what can be read says something about the money; everything else is asked again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr

from billing_svc.domain.provider_call import Answer, Call, Outcome
from billing_svc.provider import PaymentQuestion, RestProvider
from chassis.money import Money

QUESTION = PaymentQuestion(Call.INQUIRE, "order", "payment", Money("EUR", 100), "pm_ok")


class Garbled:
    """A provider that answers with what it is given."""

    def __init__(self) -> None:
        self.body = b""
        self.headers: dict[str, str] = {}
        garbled = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                for name, value in {**garbled.headers, "Content-Length": str(len(garbled.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(garbled.body)

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        url = f"http://127.0.0.1:{self._server.server_port}"
        self._client = RestProvider(url, key=SecretStr("sandbox"), timeout=2, connect_timeout=2)

    def ask(self, body: bytes, **headers: str) -> Answer:
        """Ask, and be answered with this."""
        self.body, self.headers = body, {name.replace("_", "-"): value for name, value in headers.items()}
        return self._client.ask_payment(QUESTION)

    def close(self) -> None:
        """Stop both sides."""
        self._client.close()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="module")
def garbled() -> Iterator[Garbled]:
    """A provider that answers anything."""
    made = Garbled()
    yield made
    made.close()


def _said(**changes: Any) -> bytes:
    said = {"state": "SUCCEEDED", "minor_units": 100, "currency_code": "EUR", "intent_id": "pi_1"}
    return json.dumps({**said, **changes}).encode()


def test_money_that_came_in_is_read_with_its_amount_and_reference(garbled: Garbled) -> None:
    assert garbled.ask(_said()) == Answer(Outcome.SUCCEEDED, Money("EUR", 100), "pi_1")


def test_an_intent_that_was_canceled_before_anything_came_has_no_amount(garbled: Garbled) -> None:
    answer = garbled.ask(_said(state="CANCELED", minor_units=None, currency_code=None))
    assert answer == Answer(Outcome.CANCELED, None, "pi_1")


@pytest.mark.parametrize("units", [None, 0, -5, True, 100.5, "100", 2**60])
def test_an_amount_that_is_none_says_nothing_about_the_money(garbled: Garbled, units: object) -> None:
    assert garbled.ask(_said(minor_units=units)) == Answer(Outcome.TIMED_OUT)


@pytest.mark.parametrize("code", [None, 5, "eur", "EURO", ["EUR"]])
def test_a_currency_that_is_none_says_nothing_about_the_money(garbled: Garbled, code: object) -> None:
    assert garbled.ask(_said(currency_code=code)) == Answer(Outcome.TIMED_OUT)


@pytest.mark.parametrize("reference", [7, {"a": 1}, "a\0b", "x" * 256])
def test_a_reference_that_cannot_be_kept_says_nothing_about_the_money(garbled: Garbled, reference: object) -> None:
    assert garbled.ask(_said(intent_id=reference)) == Answer(Outcome.TIMED_OUT)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff\xfe", b"[" * 100_000 + b"]" * 100_000, b"{}"])
def test_a_body_that_cannot_be_read_says_nothing_about_the_money(garbled: Garbled, body: bytes) -> None:
    assert garbled.ask(body) == Answer(Outcome.TIMED_OUT)


def test_a_body_that_is_not_encoded_as_it_says_says_nothing_about_the_money(garbled: Garbled) -> None:
    assert garbled.ask(_said(), Content_Encoding="gzip") == Answer(Outcome.TIMED_OUT)
