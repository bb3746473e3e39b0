"""Tells every event of a play again as if it were new: the same fact, under another id and the next number of its stream."""

from __future__ import annotations

from chassis.envelope import Cause, Place, Received, seal
from chassis.handling import Unit
from chassis.world import SYSTEM, keys
from tests.saga import streams
from tests.saga.services import Services


def tell_again(services: Services) -> int:
    """Put every event so far into its outbox once more, in its order; how many they are."""
    events = {event.event_id: event for event in streams.read(services).events}
    for event in events.values():
        _tell(services, event)
    return len(events)


def _tell(services: Services, event: Received) -> None:
    told = event.metadata
    name = told.producer.removesuffix("-svc")
    service = services[name].service
    kinds = {kind.__name__: kind for kind in services.load(name, frozenset()).stream_kinds}
    with services.connection(name) as connection:
        unit = Unit(service, connection, keys(kinds[told.aggregate_type], [event.stream_key]))
        aggregate_type, number = unit.world.next_sequence(event.stream_key)
        place = Place(service.ids.new(), services.clock.now(), aggregate_type, event.stream_key, number)
        assert event.payload is not None
        cause = Cause(told.correlation_id, event.event_id, told.traceparent, SYSTEM)
        unit.sealed.append(seal(service.catalog.by_payload[type(event.payload)], event.payload, place, cause))
        unit.save()
