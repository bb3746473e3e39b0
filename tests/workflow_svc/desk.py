"""Drives workflow_svc in a test: what others publish, what people ask, and what the service publishes."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from atlas.workflow.v1 import approval_pb2
from chassis.application import Application
from chassis.broker import InRecord, OutRecord
from chassis.clock import ManualClock
from chassis.command_handling import Answer, CommandCall, run_commands
from chassis.envelope import Cause, EnvelopeReader, Place, seal
from chassis.handling import Command
from chassis.idempotency import KeyedRequest, hash_request
from chassis.memory_broker import MemoryBroker
from chassis.world import SYSTEM, Actor
from tests.workflow_svc.builders import BUYER, ISSUER
from workflow_svc import queries
from workflow_svc.commands import APPROVE_REQUEST, REJECT_REQUEST

TOPIC = "atlas.workflow.v1"
TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
VIEW = frozenset({"workflow:read", "orders:read_all"})


def an_actor(name: str, *roles: str, human: bool = True) -> Actor:
    """A caller who sees everything and may decide."""
    scopes = VIEW | {"workflow:approve"}
    return Actor(ISSUER, f"{name}-id", name, "atlas-cli", scopes, frozenset(roles), human)


APPROVER = an_actor("approver", "Approver")
FINANCE = an_actor("finance", "Finance")
BOTH = an_actor("approver2", "Approver", "Finance", "Buyer")
REQUESTER = Actor(ISSUER, BUYER.subject, "buyer", "atlas-cli", frozenset({"workflow:read"}), frozenset({"Approver"}), True)


@dataclass
class Desk:
    """The service between its broker and its callers."""

    application: Application
    broker: MemoryBroker
    clock: ManualClock
    _sequences: dict[tuple[str, str], int] = field(default_factory=dict)

    def publish(self, *payloads: Any) -> None:
        """Publish events of other services, each under a new id, and let the service read them."""
        for payload in payloads:
            self.send(payload)
        self.settle()

    def send(self, payload: Any) -> None:
        """Put one event on its topic."""
        kind = self.application.service.catalog.by_payload[type(payload)]
        key = getattr(payload, kind.key_field)
        number = self._sequences[kind.topic, key] = self._sequences.get((kind.topic, key), 0) + 1
        place = Place(str(uuid.uuid4()), self.clock.now(), "Order", key, number)
        sealed = seal(kind, payload, place, Cause("corr", "cause", TRACE, SYSTEM))
        self.broker.append(OutRecord(kind.topic, key, sealed.value, dict(sealed.headers)))

    def settle(self) -> None:
        """Let everything run until nothing is left."""
        while self.application.consumer.step() + self.application.relay.step():
            pass

    def published(self, order_id: str) -> list[Message]:
        """What the service said about an order, in stream order."""
        reader = EnvelopeReader(self.application.service.catalog)
        received = [
            reader.read(InRecord(record.topic, 0, 0, record.key, record.value, dict(record.headers)))
            for record in self.broker.topic(TOPIC)
            if record.key == order_id
        ]
        assert [each.metadata.stream_sequence for each in received] == list(range(1, len(received) + 1))
        return [each.payload for each in received if each.payload is not None]

    def kinds(self, order_id: str) -> list[str]:
        """The names of what it said."""
        return [payload.DESCRIPTOR.name for payload in self.published(order_id)]

    def approvals(self, actor: Actor, **filters: Any) -> list[approval_pb2.Approval]:
        """List approvals as this caller."""
        pager = self.application.edge().pager
        with self.application.database.begin() as connection:
            request = approval_pb2.ListApprovalsRequest(**filters)
            return list(queries.list_approvals(connection, request, actor, pager=pager).approvals)

    def approval_of(self, order_id: str) -> approval_pb2.Approval:
        """The only approval of an order."""
        (approval,) = self.approvals(APPROVER, order_id=order_id)
        return approval

    def call(self, actor: Actor, approval: approval_pb2.Approval, **changes: Any) -> CommandCall:
        """A call that approves; with `reject=True` it rejects."""
        command: Command[Any] = REJECT_REQUEST if changes.pop("reject", False) else APPROVE_REQUEST
        kind = approval_pb2.RejectRequestRequest if command is REJECT_REQUEST else approval_pb2.ApproveRequestRequest
        fields = {"terms_version": approval.terms_version, "total": approval.total, "comment": "seen", **changes}
        request = kind(approval_id=approval.approval_id, **fields)
        keyed = KeyedRequest(actor.key, command.name, str(uuid.uuid4()), hash_request(request))
        return CommandCall(command, command.parse(request), keyed, Cause("corr", "request", TRACE, actor))

    def decide(self, actor: Actor, approval: approval_pb2.Approval, **changes: Any) -> Answer:
        """Approve or reject, and let the others know."""
        (answer,) = self.run([self.call(actor, approval, **changes)])
        return answer

    def run(self, calls: list[CommandCall]) -> list[Answer]:
        """Run calls in one batch."""
        answers = run_commands(self.application.service, calls)
        self.settle()
        return answers
