"""The five databases of a run: migrated once, shared by every seed of a worker, and given up when a seed has failed."""

from __future__ import annotations

from collections.abc import Callable

from chassis import migrate

PACKAGES = {
    "order": "order_svc",
    "inventory": "inventory_svc",
    "billing": "billing_svc",
    "workflow": "workflow_svc",
    "reporting": "reporting_svc",
}
SEEDS_PER_SET = 100


class Databases:
    """Hands out the URL of each service's database. Every order and SKU of a seed is new, so nothing is ever emptied."""

    def __init__(self, make: Callable[[str], str]) -> None:
        self._make = make
        self._urls: dict[str, str] = {}
        self._used = 0

    def take(self) -> dict[str, str]:
        """The URLs by service, of databases in which no seed has failed."""
        if not self._urls or self._used >= SEEDS_PER_SET:
            self._urls = {name: self._migrated(package) for name, package in PACKAGES.items()}
            self._used = 0
        self._used += 1
        return self._urls

    def spoil(self) -> None:
        """Leave these databases as they are: a failed seed must not trouble the next one."""
        self._urls = {}

    def _migrated(self, package: str) -> str:
        url = self._make(f"saga_{package}")
        migrate.upgrade(package, url)
        return url
