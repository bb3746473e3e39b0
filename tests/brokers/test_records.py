"""What is published comes back as it was, in order per key, and is counted exactly."""

from __future__ import annotations

import pytest

from chassis import failpoints
from chassis.broker import OutRecord
from chassis.failpoints import FailpointCrash
from chassis.kafka import KafkaBroker
from tests.brokers.ack_cutter import AckCutter
from tests.brokers.wire import Wire, numbers_by_key, read, until

KEYS = [f"key-{number}" for number in range(20)]


def test_records_of_a_key_come_in_order_from_one_partition(wire: Wire) -> None:
    publisher = wire.publisher()
    assert publisher.publish(wire.records(KEYS, range(30))) == [True] * 600
    assert publisher.publish(wire.records(KEYS, range(30, 40))) == [True] * 200
    records = read(wire.member(), 800)
    assert len(records) == 800
    assert numbers_by_key(records) == {key: list(range(40)) for key in KEYS}
    assert all(len({record.partition for record in records if record.key == key}) == 1 for key in KEYS)
    assert len({record.partition for record in records}) > 1


def test_bytes_and_headers_come_back_as_they_were_sent(wire: Wire) -> None:
    value, headers = bytes(range(256)), {"ce_id": "1", "ü": "grün", "empty": ""}
    wire.publisher().publish([OutRecord(wire.topic, "schlüssel", value, headers)])
    (record,) = read(wire.member(), 1)
    assert (record.topic, record.key, record.value, record.headers) == (wire.topic, "schlüssel", value, headers)


def test_offsets_of_a_partition_are_contiguous_from_zero(wire: Wire) -> None:
    wire.publisher().publish(wire.records(["one key"], range(50)))
    records = read(wire.member(), 50)
    assert [record.offset for record in records] == list(range(50))


def test_the_lag_is_exactly_what_is_not_read_yet(wire: Wire) -> None:
    publisher, member = wire.publisher(), wire.member()
    publisher.publish(wire.records(["one key"], range(50)))
    read(member, 1, limit=1)
    until(lambda: member.lag() == {wire.topic: 49})
    read(member, 49)
    assert member.lag() == {wire.topic: 0}
    publisher.publish(wire.records(KEYS, range(10)))
    read(member, 200)
    assert member.lag() == {wire.topic: 0}


def test_a_topic_tells_its_partitions_and_one_that_is_missing_has_none(wire: Wire) -> None:
    wire.need("declared_topics")
    assert wire.broker.partitions([wire.topic, "test.missing.v1"]) == {wire.topic: 6, "test.missing.v1": 0}


def test_writing_to_a_topic_that_is_not_declared_makes_none(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    wire.need("declared_topics")
    monkeypatch.setattr("chassis.kafka.ACK_SECONDS", 1.0)
    monkeypatch.setattr("chassis.kafka.FLUSH_SECONDS", 0.1)
    assert wire.publisher().publish([OutRecord("test.missing.v1", "key", b"")]) == [False]
    assert wire.broker.partitions(["test.missing.v1"]) == {"test.missing.v1": 0}


def test_a_batch_whose_acknowledgement_is_lost_is_written_once(wire: Wire) -> None:
    wire.need("connections", "deduplicates")
    with AckCutter(wire.bootstrap) as cutter:
        publisher = wire.publisher(KafkaBroker(cutter.bootstrap, wire.provider))
        assert publisher.publish(wire.records(KEYS, range(1))) == [True] * 20
        cutter.cuts = 3
        assert publisher.publish(wire.records(KEYS, range(1, 4))) == [True] * 60
        assert cutter.lost == 3
        wire.close(publisher)
    records = read(wire.member(), 80)
    assert numbers_by_key(records) == {key: list(range(4)) for key in KEYS}
    assert len(records) == 80


def test_the_cluster_has_an_id_that_stays(wire: Wire) -> None:
    assert wire.publisher().cluster_id() == wire.publisher().cluster_id() != ""


def test_a_crash_after_producing_may_publish_but_never_says_so(wire: Wire) -> None:
    with failpoints.armed("relay.after_produce", "crash"), pytest.raises(FailpointCrash):
        wire.publisher().publish(wire.records(["one"], range(1)))
    wire.publisher().publish(wire.records(["other"], range(1)))
    assert numbers_by_key(read(wire.member(), 2)) == {"one": [0], "other": [0]}


def test_publishing_nothing_is_nothing(wire: Wire) -> None:
    assert wire.publisher().publish([]) == []
