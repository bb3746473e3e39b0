"""python -m gateway: serves REST until told to stop."""

from __future__ import annotations

import signal
import sys

import structlog
import uvicorn

from chassis import telemetry
from chassis.health import AdminServer, Readiness
from chassis.jwks import JwksSource
from gateway.app import build
from gateway.settings import GatewaySettings

SERVICE = "gateway"
GRACE_SECONDS = 10
EXIT_CONFIGURATION = 78


def main() -> None:
    """Read the settings, build the application and serve it."""
    settings = GatewaySettings()
    telemetry.configure_logging(SERVICE, settings.log_level)
    if not settings.is_dev and not settings.oidc_issuer.startswith("https://"):
        problem = "ATLAS_OIDC_ISSUER must be https outside the dev profile"
        structlog.get_logger(__name__).error("refuses_to_start", problem=problem)
        sys.exit(EXIT_CONFIGURATION)
    telemetry.configure_tracing(SERVICE)
    signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises the signal again when it is done; that ends with 0
    readiness = Readiness()
    admin = AdminServer(readiness, settings.admin_port)
    admin.start()
    try:
        uvicorn.run(
            build(settings, readiness, JwksSource(settings.oidc_issuer)),
            host=settings.http_host,
            port=settings.http_port,
            http="httptools",
            loop="uvloop",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    finally:
        admin.close()


if __name__ == "__main__":
    main()
