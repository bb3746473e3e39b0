"""The REST client against a real HTTP server that answers what the test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cli.client import CliProblem, RestClient
from cli.connection import StackAddresses
from cli.exits import CommandFailed, ExitCode
from tests.deploy.dev_issuer.process import free_port

TOKEN = (200, {"access_token": "t"})


class Server(ThreadingHTTPServer):
    """Answers each request with the next of `answers`; remembers what was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, Any]] = []
        self.seen: list[tuple[str, str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self._answer(*self.server.answers.pop(0))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer(*(TOKEN if self.path == "/token" else self.server.answers.pop(0)))

    def _answer(self, status: int, document: Any) -> None:
        if self.path != "/token":
            sent = {name.lower(): value for name, value in self.headers.items()}
            self.server.seen.append((self.command, self.path, sent))
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def client(server: Server) -> Iterator[RestClient]:
    with RestClient(addresses(server.url), patience=5.0) as opened:
        yield opened


def addresses(url: str) -> StackAddresses:
    return StackAddresses(url, url, f"{url}/token", grpc={}, kafka="", redis="", postgres={}, home="")


def problem(code: str, **members: Any) -> dict[str, Any]:
    return {"code": code, "detail": "no", "hint": "do better", **members}


@pytest.mark.parametrize("passing", [(503, problem("UNAVAILABLE")), (409, problem("IDEMPOTENCY_KEY_IN_PROGRESS"))])
def test_passing_failure_is_repeated_under_the_same_key(server: Server, client: RestClient, passing: tuple[int, Any]) -> None:
    server.answers = [passing, passing, (201, {"order_id": "o-1"})]
    assert client.as_user("buyer").post("/v1/orders", {"a": 1}) == {"order_id": "o-1"}
    keys = [headers["idempotency-key"] for _, _, headers in server.seen]
    assert (len(keys), len(set(keys))) == (3, 1)


def test_refusal_names_code_places_and_next_step(server: Server, client: RestClient) -> None:
    server.answers = [(422, problem("VALIDATION_FAILED", errors=[{"pointer": "/lines", "detail": "too many", "reason": "r"}]))]
    with pytest.raises(CliProblem) as refused:
        client.as_user("buyer").post("/v1/orders")
    assert (refused.value.status, refused.value.problem_code) == (422, "VALIDATION_FAILED")
    assert (refused.value.what, refused.value.remedy) == ("VALIDATION_FAILED: no; /lines: too many", "do better")
    assert len(server.seen) == 1


def test_answer_that_is_no_problem_document_is_refused_by_its_status(server: Server, client: RestClient) -> None:
    server.answers = [(502, ["bad gateway"])]
    with pytest.raises(CliProblem, match="HTTP 502"):
        client.as_user("buyer").get("/v1/orders")


def test_each_command_has_a_key_of_its_own(server: Server, client: RestClient) -> None:
    server.answers = [(201, {}), (201, {})]
    for _ in range(2):
        client.as_user("buyer").post("/v1/orders")
    assert len({headers["idempotency-key"] for _, _, headers in server.seen}) == 2


def test_pages_are_read_to_the_end(server: Server, client: RestClient) -> None:
    server.answers = [(200, {"orders": [{"n": 1}], "next_page_token": "next"}), (200, {"orders": [{"n": 2}]})]
    assert list(client.as_user("ops").pages("/v1/orders", "orders", state="PLACED")) == [{"n": 1}, {"n": 2}]
    paths = [path for _, path, _ in server.seen]
    assert paths == ["/v1/orders?page_size=200&state=PLACED", "/v1/orders?page_size=200&state=PLACED&page_token=next"]


def test_what_is_absent_is_none(server: Server, client: RestClient) -> None:
    server.answers = [(404, problem("NOT_FOUND"))]
    assert client.as_user("buyer").find("/v1/orders/x") is None


def test_silent_gateway_is_unreachable(server: Server) -> None:
    silent = StackAddresses(f"http://127.0.0.1:{free_port()}", "", f"{server.url}/token", {}, "", "", {}, "")
    with RestClient(silent, patience=0.2) as client, pytest.raises(CommandFailed) as refused:
        client.as_user("buyer").get("/v1/orders")
    assert refused.value.code is ExitCode.UNREACHABLE
