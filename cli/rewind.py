"""Starts every consumer again at offset 0 and waits until all has been read once more."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx2
from confluent_kafka import Consumer, KafkaException, TopicPartition

from cli.client import RestClient
from cli.exits import CommandFailed, ExitCode
from cli.waiting import wait_until
from deploy.local.services import SERVICES
from deploy.local.topics import declared_topics

SECONDS = 120.0
KAFKA_SECONDS = 10.0
_HANDLED = re.compile(r"^atlas_inbox_handled_total\{[^}]*\} ([0-9.e+]+)$", re.MULTILINE)

Tell = Callable[[int, int], None]


def rewind_all(client: RestClient, tell: Tell = lambda done, total: None) -> dict[str, int]:
    """Rewind every service; how many messages each has read again. `tell` hears how many of all are read."""
    ends = topic_ends(client.addresses.kafka)
    before = handled(client)
    operator = client.as_user("ops")
    groups = {row.upstream: operator.post(f"/v1/ops/{row.upstream}/rewind") for row in SERVICES}
    wanted = {name: sum(ends[topic] for topic in group["topics"]) for name, group in groups.items()}
    total = sum(wanted.values())

    def missing() -> int:
        now = handled(client)
        left = sum(max(0, wanted[name] - (now[name] - before[name])) for name in wanted)
        tell(total - left, total)
        return left

    wait_until(missing, lambda left: left == 0, what="the end of reading again", seconds=SECONDS)
    return wanted


def topic_ends(bootstrap: str) -> dict[str, int]:
    """How many messages each declared topic holds."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "atlas-cli", "log_level": 2})
    try:
        return {
            topic.name: sum(_length(consumer, topic.name, number) for number in range(topic.partitions))
            for topic in declared_topics()
        }
    except KafkaException as error:
        what = f"Kafka at {bootstrap} does not answer"
        raise CommandFailed(what, "see what runs: atlas status", ExitCode.UNREACHABLE) from error
    finally:
        consumer.close()


def _length(consumer: Consumer, topic: str, partition: int) -> int:
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=KAFKA_SECONDS)
    return int(high - low)


def handled(client: RestClient) -> dict[str, int]:
    """How many messages each service has read since it started, from the metrics on its admin port."""
    return {row.upstream: _handled(client.addresses.grpc[row.package]) for row in SERVICES}


def _handled(grpc_address: str) -> int:
    """The admin port is the one after the gRPC port."""
    host, _, port = grpc_address.rpartition(":")
    try:
        text = httpx2.get(f"http://{host}:{int(port) + 1}/metrics", timeout=5.0, trust_env=False).text
    except httpx2.TransportError as error:
        what = f"the service at {grpc_address} does not answer"
        raise CommandFailed(what, "see what runs: atlas status", ExitCode.UNREACHABLE) from error
    return int(sum(float(value) for value in _HANDLED.findall(text)))
