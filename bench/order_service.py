"""Single roles of order_svc beside a stack, as they are deployed: `python -m order_svc serve`, `relay`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.processes import program
from bench.stack import LOG_LEVEL, kafka_provider, log_file
from cli.client import RestClient
from cli.connection import StackAddresses
from deploy.local import free_base

NOBODY = "127.0.0.1:9"


@contextmanager
def serving(addresses: StackAddresses, kafka: str = NOBODY) -> Iterator[int]:
    """Run the role that accepts orders, where the stack's gateway looks for it. It needs no Kafka. Yields its pid."""
    port = addresses.grpc["order_svc"].rpartition(":")[2]
    environment = _environment(addresses, kafka) | {"ATLAS_GRPC_PORT": port, "ATLAS_ADMIN_PORT": str(int(port) + 1)}
    with program("order_svc", "serve", environment=environment, port=int(port), log=log_file(addresses, "serve")) as pid:
        with RestClient(addresses) as client:  # the gateway finds it a moment later
            client.as_user("ops").get("/v1/orders")
        yield pid


@contextmanager
def relaying(addresses: StackAddresses) -> Iterator[int]:
    """Run the relay of order_svc alone. Yields its pid."""
    admin = free_base()
    environment = _environment(addresses, addresses.kafka) | {"ATLAS_ADMIN_PORT": str(admin)}
    with program("order_svc", "relay", environment=environment, port=admin, log=log_file(addresses, "relay")) as pid:
        yield pid


def _environment(addresses: StackAddresses, kafka: str) -> dict[str, str]:
    """What deploy.local.services gives a service."""
    return {
        **LOG_LEVEL,
        "ATLAS_PROFILE": "dev",
        "ATLAS_REDIS_URL": addresses.redis,
        "ATLAS_OIDC_ISSUER": addresses.issuer,
        "ATLAS_DATABASE_URL": addresses.postgres["order_svc"],
        "ATLAS_KAFKA_BOOTSTRAP": kafka,
        "ATLAS_KAFKA_PROVIDER": kafka_provider(addresses),
        "MALLOC_ARENA_MAX": "2",
        "PYTHONUNBUFFERED": "1",
    }
