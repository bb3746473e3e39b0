"""The processes of ours: five services and the gateway, each configured by its environment alone."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from deploy.local import probes
from deploy.local.component import Component
from deploy.local.ports import LOCALHOST
from deploy.local.process import Launch
from deploy.local.providers.psp import WEBHOOK_SECRETS
from deploy.local.site import ROOT, Site, inherited_environment

VERSION = "0.1.0"


@dataclass(frozen=True, slots=True)
class Service:
    """A service: its package and database have one name, its identity (producer, audience, group) another."""

    package: str
    identity: str
    upstream: str
    offset: int

    def role(self, kind: str) -> str:
        """The name of its PostgreSQL role of this kind: owner, migrator, app, readonly."""
        return f"{self.package}_{kind}"


SERVICES = (
    Service("order_svc", "order-svc", "order", 10),
    Service("inventory_svc", "inventory-svc", "inventory", 20),
    Service("billing_svc", "billing-svc", "billing", 30),
    Service("workflow_svc", "workflow-svc", "workflow", 40),
    Service("reporting_svc", "reporting-svc", "reporting", 50),
)
LOGIN_KINDS = ("migrator", "app", "readonly")
NEEDED_BY_SERVICES = ("redis", "issuer", "migrations", "groups")


def is_built(package: str) -> bool:
    """Whether a package of this repository can be started."""
    return ROOT.joinpath(*package.split("."), "__main__.py").is_file()


def service(site: Site, row: Service) -> Component:
    """One service with all its roles in one process."""
    port, admin = site.ports.base + row.offset, site.ports.base + row.offset + 1
    return Component(
        name=row.package,
        provider="atlas",
        port=port,
        probe=probes.ready_endpoint(admin, "/readyz", VERSION),
        launch=lambda: Launch([sys.executable, "-m", row.package, "all"], _service_environment(site, row)),
        after=NEEDED_BY_SERVICES,
        claims=(admin,),
    )


def gateway(site: Site) -> Component:
    """The REST gateway. It stands without the services, so it starts beside them."""
    upstreams = {row.upstream: f"{LOCALHOST}:{site.ports.base + row.offset}" for row in SERVICES}
    environment = _environment(site) | {
        "ATLAS_HTTP_PORT": str(site.ports.gateway),
        "ATLAS_ADMIN_PORT": str(site.ports.gateway_admin),
        "ATLAS_UPSTREAMS": json.dumps(upstreams),
        "ATLAS_PSP_URL": site.psp_url,
    }
    return Component(
        name="gateway",
        provider="atlas",
        port=site.ports.gateway,
        probe=probes.ready_endpoint(site.ports.gateway_admin, "/readyz", VERSION),
        launch=lambda: Launch([sys.executable, "-m", "gateway"], environment),
        after=("redis", "issuer"),
        claims=(site.ports.gateway_admin,),
    )


def _environment(site: Site) -> dict[str, str]:
    """What every process of ours gets. Two malloc arenas: worker threads must not each keep their own."""
    return inherited_environment() | {
        "ATLAS_PROFILE": "dev",
        "ATLAS_REDIS_URL": site.redis_url,
        "ATLAS_OIDC_ISSUER": site.issuer,
        "MALLOC_ARENA_MAX": "2",
        "PYTHONUNBUFFERED": "1",
    }


def _service_environment(site: Site, row: Service) -> dict[str, str]:
    """The environment of one service; the migrator's URL is given to the migration only, webhook secrets to billing only."""
    own = WEBHOOK_SECRETS if row.package == "billing_svc" else {}
    return (
        _environment(site)
        | own
        | {
            "ATLAS_DATABASE_URL": site.postgres_url(row.role("app"), row.package),
            "ATLAS_KAFKA_BOOTSTRAP": site.kafka_bootstrap,
            "ATLAS_KAFKA_PROVIDER": site.kafka_provider,
            "ATLAS_GRPC_PORT": str(site.ports.base + row.offset),
            "ATLAS_ADMIN_PORT": str(site.ports.base + row.offset + 1),
            "ATLAS_PSP_URL": site.psp_url,
        }
    )
