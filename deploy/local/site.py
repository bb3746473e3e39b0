"""What a stack is built from: its home, its ports, its passwords, and the servers that already exist elsewhere."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from deploy.local.home import Home
from deploy.local.ports import LOCALHOST, Ports

ROOT = Path(__file__).resolve().parents[2]
REALM = "atlas-erp"
SUPERUSER = "postgres"
PARTS: Mapping[str, str] = {
    "postgres": "ATLAS_PG_URL",
    "redis": "ATLAS_REDIS_URL",
    "kafka": "ATLAS_KAFKA_BOOTSTRAP",
    "issuer": "ATLAS_OIDC_ISSUER",
}
"""The servers that have more than one provider, and the variable that names one that already runs."""
PROVIDERS = ("embedded", "real")
"""What can be chosen for a part; the first is what nobody chose."""


@dataclass(frozen=True, slots=True)
class Site:
    """One stack's place. `durable` is off for tests only: PostgreSQL then does not wait for the disk."""

    home: Home
    ports: Ports
    passwords: Mapping[str, str]
    external: Mapping[str, str]
    durable: bool = True
    providers: Mapping[str, str] = field(default_factory=dict)

    def provider(self, part: str) -> str:
        """Where a part comes from: external, real or embedded."""
        return "external" if PARTS[part] in self.external else self.providers.get(part, PROVIDERS[0])

    @property
    def postgres_admin(self) -> str:
        """The superuser's URL."""
        given = self.external.get("ATLAS_PG_URL")
        return given or f"postgresql://{SUPERUSER}:{self.passwords[SUPERUSER]}@{LOCALHOST}:{self.ports.postgres}/postgres"

    def postgres_url(self, role: str, database: str) -> str:
        """The URL of one role in one database."""
        parts = urlsplit(self.postgres_admin)
        place = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{role}:{self.passwords[role]}@{place}", path=f"/{database}"))

    @property
    def redis_url(self) -> str:
        """Where Redis answers."""
        return self.external.get("ATLAS_REDIS_URL") or f"redis://{LOCALHOST}:{self.ports.redis}/0"

    @property
    def kafka_bootstrap(self) -> str:
        """Where Kafka answers."""
        return self.external.get("ATLAS_KAFKA_BOOTSTRAP") or f"{LOCALHOST}:{self.ports.kafka}"

    @property
    def kafka_provider(self) -> str:
        """The key of the capability record."""
        return "embedded" if self.provider("kafka") == "embedded" else "apache"

    @property
    def issuer(self) -> str:
        """The OIDC issuer, as it stands in tokens."""
        return self.external.get("ATLAS_OIDC_ISSUER") or f"http://{LOCALHOST}:{self.ports.issuer}/realms/{REALM}"

    @property
    def psp_url(self) -> str:
        """The sandbox payment provider."""
        return f"http://{LOCALHOST}:{self.ports.psp}"


def external_servers(chosen: Collection[str] = ()) -> dict[str, str]:
    """The servers the environment names, but for `chosen` parts; they are probed, never started or stopped."""
    names = [name for part, name in PARTS.items() if part not in chosen]
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def inherited_environment() -> dict[str, str]:
    """Our environment without Atlas's own variables, except those meant for every process."""
    kept = {"ATLAS_LOG_LEVEL", "ATLAS_FAILPOINTS"}
    return {name: value for name, value in os.environ.items() if not name.startswith("ATLAS_") or name in kept}
