"""The brokers under test: memory and embedded in every run, Apache Kafka in the long one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.kafka import KafkaBroker
from chassis.kafka_capability import CAPABILITIES, LACKS
from chassis.memory_broker import MemoryBroker
from deploy.local import StackRequest, free_base, start, stop
from deploy.local.topics import Topic, ensure_topics
from tests.brokers.wire import PARTITIONS, Wire
from tests.infra import Infra, leader
from tests.real import need_real

MEMORY_LACKS = {
    "durable": LACKS["durable"],
    "groups": "a group has one member",
    "connections": "there is no connection that could be cut",
    "declared_topics": "a topic is there as soon as somebody writes to it",
}
"""The capability record of the memory broker, which needs no settings of a client."""


@pytest.fixture(scope="session")
def apache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """An Apache Kafka of its own, which tests may kill."""
    need_real("kafka")
    home = tmp_path_factory.mktemp("apache")
    bootstrap = start(StackRequest(home, free_base(), ("kafka",), stop_with=leader(), providers={"kafka": "real"}))["kafka"]
    yield _kafka(bootstrap, "apache", home)
    stop(home)


@pytest.fixture(params=["memory", "embedded", pytest.param("apache", marks=pytest.mark.full)])
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    """Each broker in turn, with a topic of its own."""
    if request.param == "memory":
        made = Wire(MemoryBroker(), "test.memory.v1", "memory", MEMORY_LACKS)
    elif request.param == "embedded":
        infra: Infra = request.getfixturevalue("infra")
        made = _kafka(infra.kafka, infra.kafka_provider)
    else:
        shared: Wire = request.getfixturevalue("apache")
        made = _kafka(shared.bootstrap, shared.provider, shared.home)
    yield made
    for each in made.opened:
        each.close()


def _kafka(bootstrap: str, provider: str, home: Path | None = None) -> Wire:
    topic = f"test.{uuid.uuid4().hex[:12]}.v1"
    ensure_topics(bootstrap, [Topic(topic, PARTITIONS, -1)])
    lacks = {ability: phrase for ability, phrase in LACKS.items() if not getattr(CAPABILITIES[provider], ability)}
    return Wire(KafkaBroker(bootstrap, provider), topic, provider, lacks, bootstrap, home)
