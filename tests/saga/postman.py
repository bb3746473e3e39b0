"""Carries what the provider tells by himself to billing: in any order, any number of times, until each message is taken."""

from __future__ import annotations

import random
from datetime import datetime
from hashlib import sha256

from google.api.httpbody_pb2 import HttpBody

from atlas.billing.v1 import webhook_pb2
from billing_svc.domain.dunning import OFFSETS
from billing_svc.fake_methods import Told
from billing_svc.webhooks import receive_command
from chassis import telemetry
from chassis.command_handling import Answer, CommandCall, run_commands
from chassis.envelope import Cause
from chassis.idempotency import KeyedRequest
from chassis.interceptors import SIGNER
from tests.saga.faults import Faults, survive
from tests.saga.services import Services


class Postman:
    """Knows what was taken. A message that billing refuses, or takes twice, is a broken promise."""

    def __init__(self, services: Services, faults: Faults) -> None:
        self._services = services
        self._faults = faults
        self._taken: set[str] = set()
        self.broken: list[str] = []

    def next_due(self) -> datetime | None:
        """When the next message that was not taken is sent."""
        return min((told.due_time for told in self._waiting()), default=None)

    def carry_any(self, mood: random.Random) -> str:
        """Carry one message of those that are sent by now, taken already or not."""
        sent = [told for told in self._services.provider.sandbox.told if told.due_time <= self._services.clock.now()]
        return self._carry(mood.choice(sent)) if sent else "nothing to carry"

    def carry_all(self) -> int:
        """Carry everything that is sent by now and was not taken. Returns how many."""
        due = [told for told in self._waiting() if told.due_time <= self._services.clock.now()]
        for told in due:
            self._carry(told)
        return len(due)

    def _waiting(self) -> list[Told]:
        return [told for told in self._services.provider.sandbox.told if told.message_id not in self._taken]

    def _carry(self, told: Told) -> str:
        answers: list[Answer] = []
        fault = self._faults("command")

        def step() -> int:
            answers.extend(run_commands(self._services["billing"].service, [call_of(told.message_id, told.body)]))
            return len(answers)

        if survive(self._services, "billing", step, fault) is None:
            return f"{told.message_id}: no answer, {fault}"
        response = answers[0].response
        if isinstance(response, webhook_pb2.ReceivePaymentWebhookResponse):
            self._taken.add(told.message_id)
            if response.refused_field:
                self.broken.append(f"{told} was refused: {response}")
            return f"{told.message_id}: taken"
        return f"{told.message_id}: {answers[0].error!r}"


def call_of(message_id: str, body: str) -> CommandCall:
    """What the edge of billing makes of a message whose signature is good."""
    request = webhook_pb2.ReceivePaymentWebhookRequest(
        provider="sandbox", payload=HttpBody(content_type="application/json", data=body.encode())
    )
    command = receive_command(OFFSETS, message_id)
    keyed = KeyedRequest(SIGNER.key, command.name, message_id, sha256(body.encode()).digest())
    trace = telemetry.new_context()
    cause = Cause(trace.correlation_id, trace.correlation_id, trace.traceparent, SIGNER)
    return CommandCall(command, command.parse(request), keyed, cause)
