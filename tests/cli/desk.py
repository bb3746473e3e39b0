"""A gateway that answers what the test says, and a home in which its stack runs: for commands as people type them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from cli.exits import CommandFailed
from cli.main import make_app
from deploy.local.home import Home
from deploy.local.state import StackState

Sent = tuple[str, str, Any]
"""Method, path with query, and the body where there is one."""


class _Gateway(ThreadingHTTPServer):
    """Answers each call with the next of `answers`: JSON, or a content type and bytes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[Any] = []
        self.sent: list[Sent] = []
        self.keys: list[str | None] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"  # one call a connection: a command leaves its client open, as its process ends
    server: _Gateway

    def do_GET(self) -> None:
        self._answer("GET", None)

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/token":
            self._write("application/json", b'{"access_token": "t"}')
        else:
            self._answer("POST", json.loads(content))

    def _answer(self, method: str, body: Any) -> None:
        self.server.sent.append((method, self.path, body))
        self.server.keys.append(self.headers["Idempotency-Key"])
        answer = self.server.answers.pop(0)
        self._write(*(answer if isinstance(answer, tuple) else ("application/json", json.dumps(answer).encode())))

    def _write(self, content_type: str, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@dataclass
class Desk:
    """Types commands; `answers` come from the gateway in turn, `sent` is what it was asked, under which `keys`."""

    home: Path
    answers: list[Any]
    sent: list[Sent]
    keys: list[str | None]
    failure: CommandFailed | None = field(default=None)

    def type(self, *arguments: str) -> str:
        """Run a command; what it printed. `failure` is how it ended, None when it ended well."""
        result = CliRunner().invoke(make_app(arguments[0]), [*arguments, "--home", str(self.home)])
        self.failure = result.exception if isinstance(result.exception, CommandFailed) else None
        assert self.failure or result.exit_code == 0, result.output
        return result.stdout


@contextmanager
def a_desk(home: Path) -> Iterator[Desk]:
    """Open the gateway, and hold the home's lock as a supervisor does."""
    with _Gateway() as gateway:
        url = f"http://127.0.0.1:{gateway.server_port}"
        lock = Home(home).lock()
        assert lock is not None
        addresses = {"base_url": url, "issuer": url, "token_url": f"{url}/token", "grpc": {}, "kafka": "", "redis": ""}
        addresses |= {"postgres": {}, "home": str(home)}
        StackState(1, 8080, str(home), addresses=addresses).write(Home(home).state)
        thread = threading.Thread(target=gateway.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Desk(home, gateway.answers, gateway.sent, gateway.keys)
        finally:
            gateway.shutdown()
            thread.join()
            lock.close()
