"""Bytes that are no event (fault 21), events of another build (22) and records that lack what ours have (23)."""

from __future__ import annotations

import random
import uuid

import pytest

from cli.scenarios.narrator import Silence
from cli.scenarios.stage import Placed, Stage, an_order
from cli.waiting import wait_until
from deploy.local.topics import Topic, ensure_topics
from tests.faults.conftest import Trial, Try
from tests.faults.duty import Operator
from tests.faults.meddler import UNKNOWN_FIELD, Headers, same_fact, send
from tests.faults.topics import CATALOG, until_read

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]

SEED = "poison"
STATE_SECONDS = 90.0
TOPIC = "atlas.inventory.v1"
READERS = ("order", "billing", "reporting")
"""Who reads it."""
BACKORDERED, UNKNOWN_ENUM = 1, 99
ODD_HEADERS: Headers = [("ce_id", b"\xff\xfe"), ("ce_id", None), ("traceparent", "\0"), ("", "empty"), ("x" * 300, b"y" * 3000)]
MAJOR = Topic("atlas.inventory.v2", 1, -1)


def test_a_bad_record_stops_at_most_its_own_key_and_waits_for_a_person(trial: Try) -> None:
    print(f"seed {SEED!r}")
    with trial(seconds=8) as it:
        it.load.until_placed(60)
        stage, operator = Stage(it.ground.client, Silence()), Operator(it.ground)
        sku = stage.item("ODD", stock=0)
        order = stage.place("odd", an_order(sku, 1))
        _until(stage, order, "BACKORDERED")
        bytes_sent = _poison(it)
        _other_builds(it, order.order_id)
        _lacking(it, order.order_id)
        it.end()
        it.load.settle()
        until_read(it.ground)
        for service in READERS:
            operator.until_dead(service, 1)
        letters = operator.decide("discard", "UNREADABLE")
        stage.receive(sku, 1)
        _until(stage, order, "CONFIRMED")
        it.tell("21", f"{bytes_sent} records of random bytes, cut or empty; {letters} dead letters were discarded")
        it.tell("22", "an unknown type was skipped, an unknown field ignored, an unknown enum stopped its key until discarded")
        it.tell("23", "without id dead, without key and with headers of no text applied")


def _until(stage: Stage, order: Placed, state: str) -> None:
    """Wait until the order is in this state, as long as a loaded machine may take."""
    wait_until(lambda: stage.order(order)["state"], state.__eq__, what=state, seconds=STATE_SECONDS)


def _poison(it: Trial) -> int:
    """Random bytes, a record cut in the middle, an empty one and none, on every topic."""
    mood = random.Random(SEED)
    _event_id, whole = same_fact(str(uuid.UUID(int=7)), reason=BACKORDERED)
    values = [mood.randbytes(100), mood.randbytes(1), whole[: len(whole) // 2], b"", None]
    for topic in CATALOG.envelopes:
        send(it.ground, topic, [(mood.randbytes(8), value, []) for value in values])
    return len(values) * len(CATALOG.envelopes)


def _other_builds(it: Trial, order_id: str) -> None:
    """A field this build does not know, an event type, an enum value, and a topic of the next major version."""
    newer, event = same_fact(order_id, reason=BACKORDERED, newer=UNKNOWN_FIELD)
    stranger, unknown = same_fact(order_id, reason=BACKORDERED)
    unknown_type = CATALOG.envelopes[TOPIC].FromString(unknown)
    unknown_type.ClearField("inventory_reservation_failed")
    odd, enum = same_fact(order_id, reason=UNKNOWN_ENUM)
    it.foreign |= {newer, stranger, odd}
    key = order_id.encode()
    values = (event, unknown_type.SerializeToString() + UNKNOWN_FIELD, enum)
    send(it.ground, TOPIC, [(key, value, []) for value in values])
    ensure_topics(it.ground.addresses.kafka, [MAJOR])
    send(it.ground, MAJOR.name, [(key, b"the next major version", [])])


def _lacking(it: Trial, order_id: str) -> None:
    """No key, no id, headers that are no text."""
    keyless, without_key = same_fact(order_id, reason=BACKORDERED)
    headers, with_headers = same_fact(order_id, reason=BACKORDERED)
    nameless = CATALOG.envelopes[TOPIC].FromString(same_fact(order_id, reason=BACKORDERED)[1])
    nameless.metadata.event_id = ""  # type: ignore[attr-defined]  # every envelope has metadata
    it.foreign |= {keyless, headers}
    key = order_id.encode()
    send(it.ground, TOPIC, [(None, without_key, []), (key, nameless.SerializeToString(), []), (key, with_headers, ODD_HEADERS)])
