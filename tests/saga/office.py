"""The clients: each call has a key, and is sent again until it is answered, whatever dies in between."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from chassis import telemetry
from chassis.command_handling import Answer, CommandCall, run_commands
from chassis.envelope import Cause
from chassis.errors import Refusal, Unavailable
from chassis.idempotency import KeyedRequest, hash_request
from chassis.world import Actor
from tests.saga.faults import Faults, survive
from tests.saga.people import COMMANDS
from tests.saga.services import Services

MAX_BATCH = 4
MAX_SENDS = 50


@dataclass(slots=True)
class Call:
    """One call under its key: unanswered, refused, or answered with a response."""

    request: Message
    actor: Actor
    key: str
    response: Any = None
    refusal: Refusal | None = None
    sent: int = 0

    @property
    def is_answered(self) -> bool:
        """Whether the client knows what became of it."""
        return self.response is not None or self.refusal is not None

    @property
    def service(self) -> str:
        """Who handles it."""
        return COMMANDS[type(self.request)][0]

    def command_call(self) -> CommandCall:
        """What the edge of the service makes of it."""
        command = COMMANDS[type(self.request)][1]
        keyed = KeyedRequest(self.actor.key, command.name, self.key, hash_request(self.request))
        trace = telemetry.new_context()
        cause = Cause(trace.correlation_id, trace.correlation_id, trace.traceparent, self.actor)
        return CommandCall(command, command.parse(self.request), keyed, cause)

    def __str__(self) -> str:
        if self.response is not None:
            return f"{type(self.request).__name__} {self.key}: done"
        return f"{type(self.request).__name__} {self.key}: {self.refusal!r}"


@dataclass(slots=True)
class Office:
    """Sends calls, some together, and remembers every answer. A replay that differs is a broken promise."""

    services: Services
    label: str
    faults: Faults
    waiting: list[Call] = field(default_factory=list)
    answered: list[Call] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    _count: int = 0

    def ask(self, request: Message, actor: Actor) -> Call:
        """Take a call on; it is sent later."""
        self._count += 1
        call = Call(request, actor, f"{self.label}-{self._count}")
        self.waiting.append(call)
        return call

    def send_some(self, mood: random.Random) -> str:
        """Send some of what waits for one service, now and then something answered as well."""
        if not self.waiting:
            return self._repeat(mood)
        name = mood.choice(sorted({call.service for call in self.waiting}))
        waiting = [call for call in self.waiting if call.service == name]
        calls = mood.sample(waiting, mood.randint(1, min(MAX_BATCH, len(waiting))))
        if mood.random() < 0.1:
            calls.append(calls[0])
        return self._send(name, calls)

    def send_all(self) -> None:
        """Send everything that waits, one by one, until it is answered."""
        while self.waiting:
            self._send(self.waiting[0].service, [self.waiting[0]])

    def now(self, request: Message, actor: Actor) -> Any:
        """Send one call until it is answered; return its response, or raise its refusal."""
        call = self.ask(request, actor)
        while not call.is_answered:
            self._send(call.service, [call])
        if call.refusal is not None:
            raise call.refusal
        return call.response

    def _repeat(self, mood: random.Random) -> str:
        done = [call for call in self.answered if call.response is not None]
        if not done:
            return "nobody calls"
        call = mood.choice(done)
        return self._send(call.service, [call])

    def _send(self, name: str, calls: list[Call]) -> str:
        answers: list[Answer] = []
        fault = self.faults("command")

        def step() -> int:
            answers.extend(run_commands(self.services[name].service, [call.command_call() for call in calls]))
            return len(answers)

        if survive(self.services, name, step, fault) is None:
            return f"{', '.join(str(call.key) for call in calls)}: no answer, {fault}"
        for call, answer in zip(calls, answers, strict=True):
            self._hear(call, answer)
        return "; ".join(str(call) for call in calls)

    def _hear(self, call: Call, answer: Answer) -> None:
        """Note an answer. What is no refusal says nothing about the effect, so the call goes out again."""
        call.sent += 1
        is_final = answer.response is not None or (
            isinstance(answer.error, Refusal) and not isinstance(answer.error, Unavailable)
        )
        if not is_final:
            if call.sent > MAX_SENDS:
                raise AssertionError(f"{call.key} is never answered") from answer.error
            return
        if call.response is not None and not (answer.replayed and answer.response == call.response):
            self.broken.append(f"{call.key} was answered {call.response} first, then {answer}")
        if call in self.waiting:
            self.waiting.remove(call)
            self.answered.append(call)
            call.response, call.refusal = answer.response, answer.error if isinstance(answer.error, Refusal) else None
