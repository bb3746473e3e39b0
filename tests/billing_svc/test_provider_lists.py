"""The provider's lists: what is read of an intent and a refund, page after page, and what cannot be read."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr

from billing_svc.domain.reconciliation import Claim
from billing_svc.provider_lists import ProviderLists
from chassis.errors import Unavailable

Answer = tuple[int, bytes]


class Lister(ThreadingHTTPServer):
    """Answers each call with the next of `answers`; remembers the paths."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[Answer] = []
        self.paths: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: Lister

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        status, body = self.server.answers.pop(0)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def lister() -> Iterator[Lister]:
    """A provider that answers what the test says."""
    with Lister() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def lists(lister: Lister) -> Iterator[ProviderLists]:
    """Billing's reader of him."""
    url = f"http://127.0.0.1:{lister.server_port}"
    with ProviderLists(url, key=SecretStr("key"), timeout=5, connect_timeout=5) as opened:
        yield opened


def page(*items: Any, following: Any = None) -> Answer:
    """A page of a list."""
    return 200, json.dumps({"data": items, "next": following}).encode()


def intent(key: str, state: str = "SUCCEEDED", **changes: Any) -> dict[str, Any]:
    """A payment as he lists it."""
    asked = {"minor_units": 3_600, "currency_code": "EUR", "received_minor_units": None, "received_currency_code": None}
    return {"key": key, "state": state, **asked, **changes}


def test_pages_are_read_until_none_follows(lister: Lister, lists: ProviderLists) -> None:
    lister.answers = [page(intent("a"), intent("b", "DECLINED"), following=7), page(intent("c", "PENDING"))]
    paid, declined = Claim("SUCCEEDED", ("EUR", 3_600)), Claim("DECLINED")
    assert list(lists.payments()) == [{"a": paid, "b": declined}, {"c": Claim("PENDING", is_under_way=True)}]
    assert lister.paths == ["/v1/payment_intents?limit=1000&after=0", "/v1/payment_intents?limit=1000&after=7"]


def test_what_came_in_counts_and_not_what_was_asked_for(lister: Lister, lists: ProviderLists) -> None:
    lister.answers = [page(intent("a", received_minor_units=100, received_currency_code="USD"))]
    assert list(lists.payments()) == [{"a": Claim("SUCCEEDED", ("USD", 100))}]


def test_a_payment_need_not_say_what_came_in(lister: Lister, lists: ProviderLists) -> None:
    lister.answers = [page({"key": "a", "state": "SUCCEEDED", "minor_units": 5, "currency_code": "JPY"})]
    assert list(lists.payments()) == [{"a": Claim("SUCCEEDED", ("JPY", 5))}]


def test_a_tombstone_has_no_amount(lister: Lister, lists: ProviderLists) -> None:
    lister.answers = [page(intent("a", "CANCELED", minor_units=None, currency_code=None))]
    assert list(lists.payments()) == [{"a": Claim("CANCELED")}]


def test_a_refund_names_the_payment_that_it_gives_back(lister: Lister, lists: ProviderLists) -> None:
    refund = {"key": "r", "state": "SUCCEEDED", "minor_units": 100, "currency_code": "EUR", "intent_key": "a"}
    lister.answers = [page(refund, refund | {"key": "s", "state": "FAILED"})]
    assert list(lists.refunds()) == [{"r": Claim("SUCCEEDED", ("EUR", 100), "a"), "s": Claim("FAILED", None, "a")}]


@pytest.mark.parametrize(
    "answer",
    [
        *((200, body) for body in (b"", b"<html>", b"[]", b"null", b"{}", b"[" * 100_000, b"\xff")),
        (200, b'{"data": null, "next": null}'),
        (200, b'{"data": [5], "next": null}'),
        page(intent("a", "NEW")),
        page(intent("a", minor_units="100")),
        page(intent("a", minor_units=True)),
        page(intent("a", minor_units=None)),
        page(intent("a", currency_code=None)),
        page({"state": "SUCCEEDED"}),
        page(intent("a"), following=0),
        page(intent("a"), following="7"),
    ],
)
def test_what_cannot_be_read_is_unavailable(lister: Lister, lists: ProviderLists, answer: Answer) -> None:
    lister.answers = [answer]
    with pytest.raises(Unavailable, match="cannot be read"):
        list(lists.payments())


@pytest.mark.parametrize(("status", "said"), [(401, "our key"), (403, "our key"), (500, "HTTP 500"), (302, "HTTP 302")])
def test_a_refusal_is_unavailable(lister: Lister, lists: ProviderLists, status: int, said: str) -> None:
    lister.answers = [(status, b"{}")]
    with pytest.raises(Unavailable, match=said) as refused:
        list(lists.payments())
    assert refused.value.retry_after == 5
