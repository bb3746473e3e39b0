"""A broker that is killed comes back with its records, its offsets and its id; publishers and members go on by themselves."""

from __future__ import annotations

import threading
from functools import partial

import pytest
from confluent_kafka import OFFSET_END, TopicPartition
from confluent_kafka.admin import AdminClient

from chassis.broker import OffsetLost
from tests.brokers.wire import PARTITIONS, PATIENCE_SECONDS, Wire, numbers_by_key, polled, read, until

KEYS = [f"key-{number}" for number in range(8)]


def test_what_was_acknowledged_and_committed_outlives_a_kill(wire: Wire) -> None:
    wire.need("durable")
    group, publisher = wire.new_group(), wire.publisher()
    cluster = publisher.cluster_id()
    publisher.publish(wire.records(KEYS, range(5)))
    first = wire.member(group)
    read(first, 40)
    first.commit()
    publisher.publish(wire.records(KEYS, range(5, 8)))
    wire.close(first)
    wire.kill()
    assert publisher.cluster_id() == cluster
    assert numbers_by_key(read(wire.member(group), 24)) == {key: [5, 6, 7] for key in KEYS}


def test_what_is_published_during_a_kill_arrives_once_in_order_and_a_member_reads_on(wire: Wire) -> None:
    wire.need("durable")
    publisher, member = wire.publisher(), wire.member()
    publisher.publish(wire.records(KEYS, range(1)))
    read(member, 8)
    member.commit()
    acknowledged: list[bool] = []

    def publish() -> None:
        for number in range(1, 400):
            acknowledged.extend(publisher.publish(wire.records(KEYS, range(number, number + 1))))

    sending = threading.Thread(target=publish)
    sending.start()
    wire.kill()
    records = read(member, 399 * len(KEYS))
    sending.join()
    assert acknowledged == [True] * 399 * len(KEYS)
    assert len(records) == 399 * len(KEYS)
    assert numbers_by_key(records) == {key: list(range(1, 400)) for key in KEYS}


def test_a_reader_whose_next_record_is_gone_stops_and_does_not_go_on_elsewhere(wire: Wire) -> None:
    wire.need("durable")
    group, publisher = wire.new_group(), wire.publisher()
    publisher.publish(wire.records(KEYS, range(5)))
    admin = AdminClient({"bootstrap.servers": wire.bootstrap})
    gone = admin.delete_records([TopicPartition(wire.topic, number, OFFSET_END) for number in range(PARTITIONS)])
    for each in gone.values():
        each.result(PATIENCE_SECONDS)
    publisher.publish(wire.records(KEYS, range(5, 10)))
    with pytest.raises(OffsetLost, match=wire.topic):
        until(partial(polled, wire.member(group)))
