"""Consumer groups as deploy/kafka/topics.yaml declares them: a new group starts at offset 0 because that is written down.

A group that later finds its offset missing can then tell a loss from a first start.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import yaml
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from deploy.local.errors import StackError
from deploy.local.site import Site
from deploy.local.topics import TIMEOUT_SECONDS, TOPICS_FILE, declared_topics

PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.2
NOT_YET = {
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError._TIMED_OUT,
    KafkaError._WAIT_COORD,
}
"""What a cluster says of a group it is still about to load."""


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
    partitions = {topic.name: topic.partitions for topic in declared_topics()}
    places = {
        group: [(topic, number) for topic in topics for number in range(partitions[topic])] for group, topics in groups.items()
    }
    try:
        return sum(seed_group(bootstrap, group, places[group]) for group in groups)
    except KafkaException as error:
        raise StackError(f"cannot seed the consumer groups: {error.args[0].str()}", "check that the broker runs") from error


def seed_group(bootstrap: str, group: str, places: list[tuple[str, int]]) -> bool:
    """Seed one group; whether anything was missing.

    As a consumer that joins nothing: the admin client's list_consumer_group_offsets ends the process with a segmentation
    fault while the broker still loads the group (librdkafka 2.16, its issue 5040).
    """
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False, "log_level": 2})
    try:
        asked = [TopicPartition(topic, number) for topic, number in places]
        found = _patiently(lambda: consumer.committed(asked, timeout=TIMEOUT_SECONDS))
        missing = [TopicPartition(place.topic, place.partition, 0) for place in found if place.offset < 0]
        if missing:
            _patiently(lambda: consumer.commit(offsets=missing, asynchronous=False))
        return bool(missing)
    finally:
        consumer.close()


def _patiently(ask: Callable[[], list[TopicPartition] | None]) -> list[TopicPartition]:
    """Ask again for up to 30 s where the coordinator is not ready yet. Raises what the answer says of any one place."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            places = ask() or []
            for place in places:
                if place.error is not None:
                    raise KafkaException(place.error)
            return places
        except KafkaException as error:
            if time.monotonic() > deadline or error.args[0].code() not in NOT_YET:
                raise
        time.sleep(PAUSE_SECONDS)
