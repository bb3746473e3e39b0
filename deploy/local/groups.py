"""Consumer groups as deploy/kafka/topics.yaml declares them: a new group starts at offset 0 because that is written down.

A group that later finds its offset missing can then tell a loss from a first start.
"""

from __future__ import annotations

import asyncio

import yaml
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.local.errors import StackError
from deploy.local.site import Site
from deploy.local.topics import TIMEOUT_SECONDS, TOPICS_FILE, declared_topics


def declared_groups() -> dict[str, list[str]]:
    """Each group and the topics it reads."""
    groups: dict[str, list[str]] = yaml.safe_load(TOPICS_FILE.read_text())["groups"]
    return groups


async def seed_groups(site: Site) -> str:
    """Write offset 0 where a group has none; safe to repeat."""
    groups = declared_groups()
    seeded = await asyncio.to_thread(_seed_all, site.kafka_bootstrap, groups)
    return f"{len(groups)} groups, {seeded} new"


def _seed_all(bootstrap: str, groups: dict[str, list[str]]) -> int:
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})
    places = {topic.name: [(topic.name, number) for number in range(topic.partitions)] for topic in declared_topics()}
    try:
        return sum(
            _seed(admin, group, [place for topic in topics for place in places[topic]]) for group, topics in groups.items()
        )
    except KafkaException as error:
        raise StackError(f"cannot seed the consumer groups: {error.args[0].str()}", "check that the broker runs") from error


def _seed(admin: AdminClient, group: str, places: list[tuple[str, int]]) -> bool:
    """Seed one group; whether anything was missing."""
    asked = [ConsumerGroupTopicPartitions(group, [TopicPartition(topic, number) for topic, number in places])]
    found = admin.list_consumer_group_offsets(asked)[group].result(TIMEOUT_SECONDS).topic_partitions or []
    known = {(place.topic, place.partition) for place in found if place.offset >= 0}
    if missing := [TopicPartition(topic, number, 0) for topic, number in places if (topic, number) not in known]:
        admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, missing)])[group].result(TIMEOUT_SECONDS)
    return bool(missing)
