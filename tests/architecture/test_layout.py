"""All services have the same file names: who knows one knows five (architecture.md, Inside a service)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.source import ROOT, SERVICES

COMMON = {
    "__init__.py",
    "__main__.py",
    "app.py",
    "settings.py",
    "reactions.py",
    "queries.py",
    "store.py",
    "wire.py",
    "rpc.py",
    "invariants.py",
    "migrations",
}
WRITES = {"domain", "commands.py"}
LAYOUT = dict.fromkeys(SERVICES, COMMON | WRITES) | {"reporting_svc": COMMON | {"projections"}}

EXTRAS = {
    "order_svc/waiting.py",  # Prefer: wait=N
}
"""What only one service needs, each with its reason."""


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_the_files_of_every_service(service: str) -> None:
    assert _names(ROOT / service) - _extras(service) == LAYOUT[service]


def test_no_extra_is_left_over() -> None:
    assert [extra for extra in sorted(EXTRAS) if not (ROOT / extra).exists()] == []


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_have_the_same_shape(service: str) -> None:
    assert _names(ROOT / service / "migrations") == {"env.py", "script.py.mako", "versions"}
    assert list((ROOT / service / "migrations" / "versions").glob("0001_*.py"))


@pytest.mark.parametrize("service", sorted(set(SERVICES) - {"reporting_svc"}))
def test_a_domain_names_its_events_and_errors(service: str) -> None:
    assert _names(ROOT / service / "domain") >= {"__init__.py", "events.py", "errors.py"}


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name != "__pycache__"}


def _extras(service: str) -> set[str]:
    return {extra.partition("/")[2] for extra in EXTRAS if extra.startswith(f"{service}/")}
