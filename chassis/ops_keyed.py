"""An operator's mutation: key, effect, response and audit row are one transaction, as with every command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import sqlalchemy as sa
from google.protobuf.message import Message

from chassis import audit, idempotency, metrics
from chassis.calls import Call
from chassis.errors import IdempotencyKeyRequired
from chassis.handling import Service, in_transaction
from chassis.idempotency import KeyedRequest, hash_request

R = TypeVar("R", bound=Message)


@dataclass(frozen=True, slots=True)
class Mutation(Generic[R]):
    """One call of an operator: who asks what, and the work that does it inside a transaction."""

    call: Call
    request: Message
    response: type[R]
    work: Callable[[sa.Connection], R]

    @property
    def name(self) -> str:
        """The RPC without its service."""
        return self.call.method.rpartition("/")[2]

    @property
    def keyed(self) -> KeyedRequest:
        """Its identity for replays."""
        return KeyedRequest(self.call.actor.key, self.name, self.call.idempotency_key, hash_request(self.request))

    @property
    def resource(self) -> list[str]:
        """What the request names beside the service, such as dead_letter_id=7."""
        named = [(f.name, v) for f, v in self.request.ListFields() if f.name.endswith("_id") or f.name == "seconds"]
        return [f"{name}={value}" for name, value in named]


def run_keyed(service: Service, mutation: Mutation[R]) -> tuple[R, bool]:
    """Do the work once for its key. Returns the response, and whether it is an earlier call's."""
    if not mutation.call.idempotency_key:
        raise IdempotencyKeyRequired("this call has an effect and needs an idempotency key")
    response, replayed = in_transaction(service, lambda connection: _attempt(service, connection, mutation))
    metrics.IDEMPOTENCY.labels("replayed" if replayed else "first").inc()
    return response, replayed


def _attempt(service: Service, connection: sa.Connection, mutation: Mutation[R]) -> tuple[R, bool]:
    keyed = mutation.keyed
    stored = idempotency.claim(connection, [keyed]).get(keyed.identity)
    if stored is not None:
        return mutation.response.FromString(stored.response_to(keyed)), True
    response = mutation.work(connection)
    idempotency.finish(connection, [(keyed, response.SerializeToString())])
    comment = getattr(mutation.request, "comment", "")
    row = audit.entry(mutation.call, mutation.name, mutation.resource, comment, service.clock.now())
    audit.append(connection, [row])
    return response, False
