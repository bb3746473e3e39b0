"""Every port of a stack: one base, fixed offsets, and the check that they are free."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable
from dataclasses import dataclass

DEFAULT_BASE = 8080
HIGHEST_OFFSET = 66
LOWEST_BASE = 1024
HIGHEST_BASE = 65535 - HIGHEST_OFFSET
LOCALHOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of the stack whose gateway listens on `base`."""

    base: int = DEFAULT_BASE

    @property
    def gateway(self) -> int:
        """Where REST is served."""
        return self.base

    @property
    def gateway_admin(self) -> int:
        """Health and metrics of the gateway."""
        return self.base + 1

    @property
    def postgres(self) -> int:
        """PostgreSQL."""
        return self.base + 60

    @property
    def redis(self) -> int:
        """Redis or Valkey."""
        return self.base + 61

    @property
    def kafka(self) -> int:
        """The Kafka broker."""
        return self.base + 62

    @property
    def issuer(self) -> int:
        """The OIDC issuer."""
        return self.base + 63

    @property
    def psp(self) -> int:
        """The sandbox payment provider."""
        return self.base + 64

    @property
    def kafka_controller(self) -> int:
        """The controller of a real Kafka."""
        return self.base + 65

    @property
    def issuer_management(self) -> int:
        """Health of a Keycloak."""
        return self.base + 66


def is_free(port: int) -> bool:
    """Say whether a server could listen on this port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCALHOST, port))
        except OSError:
            return False
    return True


def busy(ports: Iterable[int]) -> list[int]:
    """The ports of these that something else listens on."""
    return [port for port in ports if not is_free(port)]


def free_base() -> int:
    """A base whose whole block of ports is free, below the range the system hands out to clients."""
    choice = random.SystemRandom()
    for _ in range(200):
        base = choice.randrange(20_000, 32_000, HIGHEST_OFFSET + 1)
        if not busy(range(base, base + HIGHEST_OFFSET + 1)):
            return base
    raise OSError("no block of free ports found between 20000 and 32000")
