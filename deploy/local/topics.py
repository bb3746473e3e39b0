"""Topics as deploy/kafka/topics.yaml declares them: created when missing, refused when the partitions differ."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import yaml
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from deploy.local.errors import StackError
from deploy.local.site import ROOT, Site

TOPICS_FILE = ROOT / "deploy" / "kafka" / "topics.yaml"
TIMEOUT_SECONDS = 10
PAUSE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Topic:
    """One declared topic; retention -1 keeps it for ever."""

    name: str
    partitions: int
    retention_ms: int


def declared_topics() -> list[Topic]:
    """The topics of the file."""
    declared: Mapping[str, Mapping[str, int]] = yaml.safe_load(TOPICS_FILE.read_text())["topics"]
    return [Topic(name, facts["partitions"], facts["retention_ms"]) for name, facts in declared.items()]


async def create_topics(site: Site) -> str:
    """Create what is missing; safe to repeat."""
    topics = declared_topics()
    made = await asyncio.to_thread(ensure_topics, site.kafka_bootstrap, topics)
    return f"{len(topics)} topics, {made} new"


def ensure_topics(bootstrap: str, topics: list[Topic]) -> int:
    """Create the missing ones of these topics, return how many; StackError when one has other partitions."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})
    try:
        existing = admin.list_topics(timeout=TIMEOUT_SECONDS).topics
        missing = [topic for topic in topics if topic.name not in existing]
        _create(admin, missing)
        told = _partitions_told(admin, {topic.name for topic in topics})
    except KafkaException as error:
        raise StackError(f"cannot create the topics: {error.args[0].str()}", "check that the broker runs") from error
    for topic in topics:
        if told[topic.name] != topic.partitions:
            raise StackError(
                f"topic {topic.name} has {told[topic.name]} partitions, not {topic.partitions}",
                "delete it, or name the cluster Atlas shall use in ATLAS_KAFKA_BOOTSTRAP",
            )
    return len(missing)


def _create(admin: AdminClient, topics: list[Topic]) -> None:
    """Create topics; one that somebody else has made meanwhile is as good."""
    for future in admin.create_topics([_new(topic) for topic in topics]).values() if topics else ():
        try:
            future.result(timeout=TIMEOUT_SECONDS)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def _partitions_told(admin: AdminClient, names: set[str]) -> dict[str, int]:
    """Wait until the cluster names these topics, which it may do a moment after it has made them; their partitions."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while untold := names - set(told := admin.list_topics(timeout=TIMEOUT_SECONDS).topics):
        if time.monotonic() > deadline:
            raise StackError(f"topic {min(untold)} was made, but the cluster does not name it", "check that the broker runs")
        time.sleep(PAUSE_SECONDS)
    return {name: len(told[name].partitions) for name in names}


def _new(topic: Topic) -> NewTopic:
    """The request for one topic, replicated as the broker's default says."""
    config = {"retention.ms": str(topic.retention_ms), "cleanup.policy": "delete"}
    return NewTopic(topic.name, num_partitions=topic.partitions, replication_factor=-1, config=config)
