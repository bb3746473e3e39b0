"""What only Kafka can do: be away, refuse a record, and carry keys and headers that are no text."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from chassis.broker import BrokerAway, OutRecord
from chassis.kafka import KafkaBroker
from tests.brokers.wire import read
from tests.infra import Infra


def test_a_broker_that_is_not_there_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.kafka.METADATA_SECONDS", 0.2)
    with pytest.raises(BrokerAway):
        KafkaBroker("127.0.0.1:9", "embedded").publisher("test").cluster_id()


def test_a_record_the_producer_refuses_holds_back_its_key_only(infra: Infra, new_topic: Callable[[int], str]) -> None:
    topic, broker = new_topic(1), KafkaBroker(infra.kafka, infra.kafka_provider)
    large = b"x" * 2_000_000
    publisher = broker.publisher("test")
    records = [OutRecord(topic, key, value) for key, value in (("a", b"1"), ("b", large), ("b", b"2"), ("a", b"3"))]
    assert publisher.publish(records) == [True, False, False, True]
    publisher.close()


def test_keys_and_headers_that_are_no_text_are_left_out(infra: Infra, new_topic: Callable[[int], str]) -> None:
    topic, broker = new_topic(1), KafkaBroker(infra.kafka, infra.kafka_provider)
    producer = Producer({"bootstrap.servers": infra.kafka})
    producer.produce(
        topic, key=b"\xff", value=b"1", headers=[("good", b"x"), ("bad", b"\xff"), ("nul", b"a\0b"), ("none", None)]
    )
    producer.produce(topic, key=b"a\0b", value=b"2")
    producer.produce(topic, value=None)
    producer.flush(10)
    subscription = broker.subscribe(topic, [topic])
    records = sorted(read(subscription, 3), key=lambda record: record.offset)
    assert [(record.key, record.value) for record in records] == [("", b"1"), ("", b"2"), ("", b"")]
    assert records[0].headers == {"good": "x"}
    subscription.close()
