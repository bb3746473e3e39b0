"""The capability record says what a broker cannot do."""

from __future__ import annotations

from chassis.kafka_capability import APACHE, CAPABILITIES, EMBEDDED


def test_the_embedded_broker_names_its_limits_and_apache_has_none() -> None:
    assert "keeps nothing over a restart" in EMBEDDED.limits
    assert APACHE.limits == ""


def test_a_lost_offset_stops_a_group_where_the_broker_is_durable_and_only_there() -> None:
    for capability in CAPABILITIES.values():
        assert (capability.consumer["auto.offset.reset"] == "error") == capability.durable
