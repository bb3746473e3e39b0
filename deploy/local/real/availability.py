"""Whether the real provider of each part could start on this machine; each check says what is missing, as a StackError."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from deploy.local import programs
from deploy.local.providers import keycloak
from deploy.local.real import broker

CHECKS: Mapping[str, Callable[[], object]] = {
    "postgres": programs.installed_postgres,
    "redis": programs.installed_redis,
    "kafka": broker.check,
    "issuer": keycloak.check,
}
