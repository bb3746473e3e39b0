"""A merchant's server for webhooks: keeps every delivery that it got, and answers as the test wants."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE_SECONDS = 30.0
HANG_UP = 0
"""Instead of a status: close the connection without an answer."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The id of its message."""
        return self.headers["webhook-id"]

    @property
    def document(self) -> dict[str, Any]:
        """Its body: type, timestamp, data."""
        document: dict[str, Any] = json.loads(self.body)
        return document


class _Server(ThreadingHTTPServer):
    """Lets as many wait for a connection as may come at once; five, the default, would cost the others a second."""

    daemon_threads = True
    request_queue_size = 256


class Receiver:
    """Listens on a port of 127.0.0.1, a free one for 0; `answer` returns a status or HANG_UP. Called from several threads."""

    def __init__(self, port: int = 0) -> None:
        self.deliveries: list[Delivery] = []
        self.answer: Callable[[Delivery], int] = lambda _: 204
        self._server = _Server(("127.0.0.1", port), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hooks"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                body = self.rfile.read(length)
                if len(body) < length:  # its sender died: nothing was delivered
                    return
                delivery = Delivery({name.lower(): value for name, value in self.headers.items()}, body)
                receiver.deliveries.append(delivery)
                status = receiver.answer(delivery)
                if status != HANG_UP:
                    self.send_response(status)
                    self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        return Handler

    @contextmanager
    def listening(self) -> Iterator[Receiver]:
        """Serve while the block runs."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join(10)

    def of_type(self, kind: str) -> list[Delivery]:
        """The deliveries of one type, as they came."""
        return [delivery for delivery in self.deliveries if delivery.document["type"] == kind]


def await_that(holds: Callable[[], bool]) -> None:
    """Wait until something holds; AssertionError when it does not within half a minute."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
