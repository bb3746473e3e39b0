"""Health and the admin port: /livez, /readyz and /metrics on 127.0.0.1, served beside whatever the process does.

/livez answers as long as the process runs and asks nothing else; /readyz runs the named checks and is 503 when one
of them fails or the process is stopping.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Final

import structlog
from prometheus_client import REGISTRY, exposition

log = structlog.get_logger(__name__)

HOST: Final = "127.0.0.1"
Check = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check said, and how long it took."""

    name: str
    ok: bool
    ms: float


@dataclass(frozen=True, slots=True)
class ReadinessReport:
    """The answer of /readyz: `information` is shown and does not count."""

    ready: bool
    stopping: bool
    checks: tuple[CheckResult, ...]
    information: tuple[CheckResult, ...]

    def to_json(self) -> bytes:
        """Return the body of /readyz."""
        return json.dumps(asdict(self)).encode()


class Readiness:
    """The named checks of a process. A check returns quickly, has its own timeout, and may raise instead of False."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._information: dict[str, Check] = {}
        self._stopping = threading.Event()

    def add(self, name: str, check: Check) -> None:
        """Add a check that must hold for the process to be ready."""
        self._checks[name] = check

    def inform(self, name: str, check: Check) -> None:
        """Add a check that is only shown: a dependency whose loss degrades."""
        self._information[name] = check

    def set_stopping(self) -> None:
        """Be unready from now on: the process has been told to end."""
        self._stopping.set()

    def report(self) -> ReadinessReport:
        """Run every check now."""
        checks = tuple(_run(name, check) for name, check in list(self._checks.items()))
        information = tuple(_run(name, check) for name, check in list(self._information.items()))
        stopping = self._stopping.is_set()
        return ReadinessReport(not stopping and all(c.ok for c in checks), stopping, checks, information)


def _run(name: str, check: Check) -> CheckResult:
    started = time.perf_counter()
    try:
        ok = bool(check())
    except Exception as error:
        log.warning("readiness check failed", check=name, error=type(error).__name__)
        ok = False
    return CheckResult(name, ok, round((time.perf_counter() - started) * 1000, 2))


class AdminServer:
    """The admin port of a process, on a daemon thread; `port=0` takes a free one."""

    def __init__(self, readiness: Readiness, port: int) -> None:
        handler = type("AdminHandler", (_AdminHandler,), {"readiness": readiness})
        self._server = _Server((HOST, port), handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="admin", daemon=True
        )

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()
        log.info("admin port open", port=self.port)

    def close(self) -> None:
        """Stop serving and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer's asks a name server for our own name, which may take seconds
        self.server_name, self.server_port = HOST, self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        log.debug("admin request broke off", exc_info=True)


class _AdminHandler(BaseHTTPRequestHandler):
    readiness: Readiness
    timeout = 5  # a client that says nothing does not hold a thread for ever
    server_version = "atlas"
    sys_version = ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/livez":
            self._answer(200, b'{"live": true}')
        elif path == "/readyz":
            report = self.readiness.report()
            self._answer(200 if report.ready else 503, report.to_json())
        elif path == "/metrics":
            encode, content_type = exposition.choose_encoder(self.headers.get("Accept", ""))
            self._answer(200, encode(REGISTRY), content_type)
        else:
            self._answer(404, b'{"error": "not found"}')

    def _answer(self, status: int, body: bytes, content_type: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: probes come every few seconds."""
