"""The steps of a stack, in the order a person reads them; what must be ready before each is written in the step itself."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Collection
from dataclasses import replace

from deploy.local.component import Component, Job, Step
from deploy.local.databases import create_databases
from deploy.local.errors import StackError
from deploy.local.groups import seed_groups
from deploy.local.ports import busy
from deploy.local.process import Launch, spawn
from deploy.local.providers.issuer import issuer
from deploy.local.providers.kafka import kafka
from deploy.local.providers.keycloak import keycloak
from deploy.local.providers.postgres import postgres
from deploy.local.providers.psp import psp
from deploy.local.providers.redis import redis
from deploy.local.services import SERVICES, gateway, is_built, service
from deploy.local.site import ROOT, Site, inherited_environment
from deploy.local.topics import create_topics


def _issuer(site: Site) -> Component:
    """Whoever signs the tokens."""
    return keycloak(site) if site.provider("issuer") == "real" else issuer(site)


SERVERS = {"postgres": postgres, "redis": redis, "kafka": kafka, "issuer": _issuer, "psp": psp}
PROGRAMS = {"issuer": "deploy.dev_issuer", "psp": "deploy.sandbox_psp", "gateway": "gateway"} | {
    row.package: row.package for row in SERVICES
}
NAMES = (*SERVERS, *(row.package for row in SERVICES), "gateway")


def make_plan(site: Site, only: Collection[str] = ()) -> list[Step]:
    """The components named in `only` (all when empty), with the jobs their servers call for."""
    if unknown := sorted(set(only) - set(NAMES)):
        raise StackError(f"there is no component {unknown[0]}", f"choose from {', '.join(NAMES)}")
    chosen = set(only or NAMES)
    migrated = [row.package for row in SERVICES if row.package in chosen]
    steps: list[Step] = [make(site) for name, make in SERVERS.items() if name in chosen]
    if "postgres" in chosen:
        steps.append(Job("databases", ("postgres",), lambda: create_databases(site)))
    if migrated:
        steps.append(Job("migrations", ("databases",), lambda: _migrate(site, migrated)))
    if "kafka" in chosen:
        steps.append(Job("topics", ("kafka",), lambda: create_topics(site), renewed_by="kafka"))
        steps.append(Job("groups", ("topics",), lambda: seed_groups(site)))
    steps += [service(site, row) for row in SERVICES if row.package in chosen]
    steps += [gateway(site)] if "gateway" in chosen else []
    present = {step.name for step in steps}
    return [replace(step, after=tuple(name for name in step.after if name in present)) for step in steps]


def check_plan(steps: list[Step]) -> None:
    """Refuse before anything starts: a missing program, a port in use."""
    for step in steps:
        if isinstance(step, Component) and step.launch is not None:
            package = PROGRAMS.get(step.name) if step.provider != "real" else None
            if package and not is_built(package):
                raise StackError(f"the program {package} is missing", "get a complete copy of this repository")
            step.launch()
            ports = [port for port in (step.port, *step.claims) if port is not None]
            if taken := busy(ports):
                raise StackError(
                    f"port {taken[0]} ({step.name}) is in use",
                    "stop what listens there (perhaps another stack: atlas down), or choose other ports with --port-base",
                )


async def _migrate(site: Site, packages: list[str]) -> str:
    """Bring the databases of these services to their heads."""
    urls = {row.package: site.postgres_url(row.role("migrator"), row.package) for row in SERVICES if row.package in packages}
    environment = inherited_environment() | {"ATLAS_MIGRATIONS": json.dumps(urls)}
    log = site.home.logs / "migrations.log"
    process = await spawn(Launch([sys.executable, "-m", "deploy.local.migrate"], environment), log, ROOT)
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        await process.stop()
        raise
    if code != 0:
        raise StackError(f"the migrations failed: {process.last_words()}", f"read {log}")
    return f"{len(urls)} at head"
