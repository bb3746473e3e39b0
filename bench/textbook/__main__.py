"""python -m bench.textbook service|gateway: one process of the reference."""

from __future__ import annotations

import signal
import sys

import uvicorn

from bench.textbook import gateway, service
from bench.textbook.settings import Settings
from bench.textbook.tables import engine_of, sessions_of
from bench.textbook.tokens import Verifier


def main() -> None:
    """Run the process that the command line names."""
    {"service": _service, "gateway": _gateway}[sys.argv[1]](Settings())


def _service(settings: Settings) -> None:
    verifier = Verifier(settings.issuer, service.AUDIENCE)
    verifier.fetch_keys()
    orders = service.OrderService(sessions_of(engine_of(settings.database_url.get_secret_value())), verifier)
    server = service.serve(orders, settings.grpc_port)
    signal.signal(signal.SIGTERM, lambda *_: server.stop(5))
    server.wait_for_termination()


def _gateway(settings: Settings) -> None:
    verifier = Verifier(settings.issuer, gateway.AUDIENCE)
    verifier.fetch_keys()
    uvicorn.run(
        gateway.build(verifier, f"127.0.0.1:{settings.grpc_port}"),
        host="127.0.0.1",
        port=settings.http_port,
        http="httptools",
        loop="uvloop",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )


if __name__ == "__main__":
    main()
