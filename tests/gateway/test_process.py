"""The gateway as a process of its own, over real sockets."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def started(port: int, **environment: str) -> subprocess.Popen[bytes]:
    given = {
        "PATH": os.environ["PATH"],
        "ATLAS_PROFILE": "dev",
        "ATLAS_HTTP_PORT": str(port),
        "ATLAS_OIDC_ISSUER": "http://127.0.0.1:9/realms/atlas-erp",
        "ATLAS_UPSTREAMS": '{"order": "127.0.0.1:9"}',
    }
    return subprocess.Popen([sys.executable, "-m", "gateway"], cwd=ROOT, env=given | environment, stdout=subprocess.PIPE)


def exchange(port: int, request: bytes) -> bytes:
    """Send bytes and read until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request)
        chunks = []
        while chunk := connection.recv(65536):
            chunks.append(chunk)
        return b"".join(chunks)


def get(port: int, path: str, *headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    return exchange(port, "\r\n".join([*lines, "", ""]).encode("latin-1"))


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of a running gateway, which ends well when it is told to."""
    port = free_port()
    process = started(port)
    try:
        wait_until_live(port, process)
        yield port
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_SECONDS) == 0
    finally:
        process.kill()
        process.communicate()


def wait_until_live(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if get(port, "/livez").startswith(b"HTTP/1.1 200"):
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail("the gateway does not answer")


def test_no_answer_says_what_serves_it(port: int) -> None:
    answer = get(port, "/v1/orders").lower()
    assert answer.startswith(b"http/1.1 401")
    assert b"\r\nserver:" not in answer
    assert b"uvicorn" not in answer


@pytest.mark.parametrize(
    "request_text",
    [
        "GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: a\tb\r\nConnection: close\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: a\x00b\r\nConnection: close\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: a\rb\r\nConnection: close\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: \xe9\r\nConnection: close\r\n\r\n",
        "POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_smuggling_shapes_and_hostile_headers_are_400(port: int, request_text: str) -> None:
    assert exchange(port, request_text.encode("latin-1")).startswith(b"HTTP/1.1 400")


def test_headers_of_70_kb_are_431(port: int) -> None:
    assert get(port, "/livez", f"X-A: {'a' * 70_000}").startswith(b"HTTP/1.1 431")


def test_it_is_not_ready_without_the_issuers_keys(port: int) -> None:
    assert get(port, "/readyz").startswith(b"HTTP/1.1 503")


def test_a_port_in_use_ends_it(port: int) -> None:
    process = started(port)
    output, _ = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode not in (0, None)
    assert b"address already in use" in output.lower()


def test_production_wants_an_https_issuer() -> None:
    process = started(free_port(), ATLAS_PROFILE="production")
    output, _ = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 78
    assert b"https" in output


def test_production_shows_no_documentation() -> None:
    port = free_port()
    process = started(port, ATLAS_PROFILE="production", ATLAS_OIDC_ISSUER="https://127.0.0.1:9/realms/atlas-erp")
    try:
        wait_until_live(port, process)
        for path in ("/docs", "/redoc", "/openapi.json", "/static-docs/redoc.standalone.js", "/metrics"):
            assert get(port, path).startswith(b"HTTP/1.1 404")
        assert get(port, "/docs/problems/NOT_FOUND").startswith(b"HTTP/1.1 200")
    finally:
        process.terminate()
        process.communicate(timeout=DEADLINE_SECONDS)
