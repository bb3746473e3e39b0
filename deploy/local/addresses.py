"""The addresses of a stack, in the shape `atlas env --json` prints."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from typing import Any

from deploy.local import probes
from deploy.local.ports import LOCALHOST
from deploy.local.services import SERVICES
from deploy.local.site import Site


def addresses_of(site: Site, running: Collection[str]) -> dict[str, Any]:
    """Where everything of this site answers."""
    return {
        "base_url": f"http://{LOCALHOST}:{site.ports.gateway}",
        "issuer": site.issuer,
        "token_url": _token_url(site, running),
        "grpc": {row.package: f"{LOCALHOST}:{site.ports.base + row.offset}" for row in SERVICES},
        "kafka": site.kafka_bootstrap,
        "redis": site.redis_url,
        "postgres": {row.package: site.postgres_url(row.role("app"), row.package) for row in SERVICES},
        "home": str(site.home.root),
    }


def _token_url(site: Site, running: Collection[str]) -> str:
    """Where tokens are asked for: what discovery says, or where Keycloak has it."""
    if "issuer" in running:
        with contextlib.suppress(OSError, KeyError, ValueError, probes.NotReady):
            return str(probes.discovery(site.issuer)["token_endpoint"])
    return f"{site.issuer}/protocol/openid-connect/token"
