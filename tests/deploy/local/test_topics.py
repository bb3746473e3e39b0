"""Topics and groups are what deploy/kafka/topics.yaml says."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient
from google.protobuf.message import Message

import billing_svc.reactions
import inventory_svc.reactions
import order_svc.wire
import reporting_svc.reactions
import workflow_svc.reactions
from atlas.billing.v1 import billing_events_pb2
from atlas.inventory.v1 import inventory_events_pb2
from atlas.orders.v1 import order_events_pb2
from atlas.workflow.v1 import workflow_events_pb2
from chassis.contracts import EventCatalog
from deploy.local.errors import StackError
from deploy.local.groups import declared_groups, seed_groups
from deploy.local.home import Home
from deploy.local.ports import Ports
from deploy.local.services import SERVICES
from deploy.local.site import Site
from deploy.local.topics import Topic, declared_topics, ensure_topics
from tests.infra import Infra

DOMAINS = ("orders", "inventory", "billing", "workflow")


def test_domain_topics_have_six_partitions_and_dead_letters_one_all_kept_for_ever() -> None:
    wanted = [Topic(f"atlas.{domain}.v1", 6, -1) for domain in DOMAINS] + [
        Topic(f"atlas.{domain}.dlq.v1", 1, -1) for domain in DOMAINS
    ]
    assert declared_topics() == wanted


def test_every_service_has_a_group_of_declared_topics_and_none_reads_itself() -> None:
    groups = declared_groups()
    assert set(groups) == {row.identity for row in SERVICES}
    assert {topic for topics in groups.values() for topic in topics} <= {topic.name for topic in declared_topics()}


def test_what_a_service_reacts_to_is_read_by_its_group() -> None:
    catalog = EventCatalog([order_events_pb2, inventory_events_pb2, billing_events_pb2, workflow_events_pb2])
    subscriptions: dict[str, Iterable[type[Message]]] = {
        "order-svc": order_svc.wire.FACTS,
        "inventory-svc": inventory_svc.reactions.SUBSCRIPTIONS,
        "billing-svc": billing_svc.reactions.SUBSCRIPTIONS,
        "workflow-svc": workflow_svc.reactions.SUBSCRIPTIONS,
        "reporting-svc": reporting_svc.reactions.SUBSCRIPTIONS,
    }
    groups = declared_groups()
    assert subscriptions.keys() == groups.keys()
    for group, events in subscriptions.items():
        assert {catalog.by_payload[event].topic for event in events} <= set(groups[group])


def test_the_running_broker_has_the_declared_partitions(infra: Infra) -> None:
    found = AdminClient({"bootstrap.servers": infra.kafka}).list_topics(timeout=5).topics
    assert {topic.name: len(found[topic.name].partitions) for topic in declared_topics()} == {
        topic.name: topic.partitions for topic in declared_topics()
    }


def test_a_topic_with_other_partitions_is_refused(infra: Infra, new_topic: Callable[[int], str]) -> None:
    name = new_topic(2)
    assert ensure_topics(infra.kafka, [Topic(name, 2, -1)]) == 0
    with pytest.raises(StackError, match="has 2 partitions, not 6"):
        ensure_topics(infra.kafka, [Topic(name, 6, -1)])


async def test_seeding_writes_offset_zero_once_and_moves_no_group_that_has_read(infra: Infra) -> None:
    site = Site(Home(infra.home), Ports(), {}, {"ATLAS_KAFKA_BOOTSTRAP": infra.kafka})
    admin = AdminClient({"bootstrap.servers": infra.kafka})
    read_on = ConsumerGroupTopicPartitions("order-svc", [TopicPartition("atlas.billing.v1", 0, 7)])
    admin.alter_consumer_group_offsets([read_on])["order-svc"].result(5)

    assert await seed_groups(site) == "5 groups, 0 new"

    asked = ConsumerGroupTopicPartitions("order-svc", [TopicPartition("atlas.billing.v1", number) for number in range(6)])
    places = admin.list_consumer_group_offsets([asked])["order-svc"].result(5).topic_partitions or []
    assert [place.offset for place in sorted(places, key=lambda place: place.partition)] == [7, 0, 0, 0, 0, 0]
