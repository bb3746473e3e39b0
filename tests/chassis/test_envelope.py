"""An event is sealed so that its headers mirror it, and read so that nothing unreadable gets past."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from atlas.orders.v1 import order_events_pb2
from chassis.broker import InRecord
from chassis.envelope import Cause, EnvelopeReader, Place, Sealed, seal
from chassis.errors import Poison
from chassis.world import SYSTEM
from tests.chassis.bench import ALICE, START, TRACE
from tests.chassis.counter import IN, OUT, catalog

CATALOG = catalog({IN: IN, OUT: OUT})
READER = EnvelopeReader(CATALOG)
KEY = "0198c2f4-0000-7000-8000-000000000001"
EVENT_ID = "0198c2f4-0000-7000-8000-00000000000f"


def _sealed(payload: order_events_pb2.OrderStateChanged | None = None) -> Sealed:
    kind = CATALOG.by_payload[order_events_pb2.OrderStateChanged]
    place = Place(EVENT_ID, START, "Counter", KEY, 3)
    return seal(kind, payload or order_events_pb2.OrderStateChanged(order_id=KEY), place, Cause("corr", "req", TRACE, ALICE, 2))


def _record(value: bytes) -> InRecord:
    return InRecord(OUT, 0, 0, KEY, value)


def _changed(**metadata: Any) -> bytes:
    envelope = order_events_pb2.OrderEvent.FromString(_sealed().value)
    for name, value in metadata.items():
        setattr(envelope.metadata, name, value)
    return envelope.SerializeToString()


def test_an_event_says_everything_about_itself() -> None:
    received = READER.read(_record(_sealed().value))
    metadata = received.metadata
    assert (received.event_id, received.stream_key, metadata.stream_sequence) == (EVENT_ID, KEY, 3)
    assert (metadata.event_type, metadata.schema_version, metadata.producer) == ("OrderStateChanged", 1, "order-svc")
    assert (metadata.aggregate_type, metadata.aggregate_id, metadata.handling_attempt) == ("Counter", KEY, 2)
    assert (metadata.correlation_id, metadata.causation_id, metadata.traceparent) == ("corr", "req", TRACE)
    assert (metadata.actor.issuer, metadata.actor.subject, metadata.actor.client) == (ALICE.issuer, "alice-id", "atlas-cli")
    assert metadata.occur_time.ToJsonString() == "2026-01-05T09:00:00Z"
    assert received.payload == order_events_pb2.OrderStateChanged(order_id=KEY)


def test_the_headers_mirror_it_as_cloud_events() -> None:
    assert _sealed().headers == {
        "ce_specversion": "1.0",
        "ce_id": EVENT_ID,
        "ce_type": "OrderStateChanged",
        "ce_source": "order-svc",
        "ce_time": "2026-01-05T09:00:00.000Z",
        "ce_subject": KEY,
        "ce_dataschema": "atlas.orders.v1.OrderEvent",
        "content-type": "application/protobuf",
        "traceparent": TRACE,
    }


def test_the_same_event_is_the_same_bytes() -> None:
    assert _sealed().value == _sealed().value


def test_an_event_that_breaks_its_contract_never_leaves() -> None:
    with pytest.raises(ValueError, match="breaks its contract"):
        _sealed(order_events_pb2.OrderStateChanged(order_id="no uuid"))


def test_an_arm_of_a_newer_producer_is_read_as_unknown() -> None:
    envelope = order_events_pb2.OrderEvent.FromString(_sealed().value)
    envelope.ClearField("order_state_changed")
    newer = envelope.SerializeToString() + bytes([0xFA, 0x3F, 0x00])  # field 1023, which no build knows
    received = READER.read(_record(newer))
    assert received.payload is None
    assert received.event_id == EVENT_ID


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff\xff\xff",
        b'{"order_id": "1"}',
        _changed(event_id=""),
        _changed(event_id="42"),
        _changed(event_id=str(uuid.uuid4()) + "\0"),
        _changed(stream_key=""),
        _changed(stream_key="a\0b"),
        _changed(stream_key="k" * 256),
        _changed(stream_sequence=0),
        _changed(stream_sequence=-1),
        _changed(stream_sequence=2**53),
    ],
)
def test_what_the_inbox_could_not_keep_is_poison(value: bytes) -> None:
    with pytest.raises(Poison):
        READER.read(_record(value))


def test_an_id_in_capitals_is_the_same_id() -> None:
    assert READER.read(_record(_changed(event_id=EVENT_ID.upper()))).event_id == EVENT_ID


def test_the_service_itself_is_an_actor_without_issuer() -> None:
    kind = CATALOG.by_payload[order_events_pb2.OrderStateChanged]
    sealed = seal(
        kind,
        order_events_pb2.OrderStateChanged(order_id=KEY),
        Place(EVENT_ID, START, "Counter", KEY, 1),
        Cause("", "timer:x", TRACE, SYSTEM),
    )
    actor = READER.read(_record(sealed.value)).metadata.actor
    assert (actor.issuer, actor.subject) == ("", "system")
