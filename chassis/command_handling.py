"""Runs a batch of commands in one transaction; a batch that fails is redone one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import structlog
from google.protobuf.message import Message

from chassis import audit, failpoints, idempotency, metrics
from chassis.database import is_infrastructure, sqlstate, unavailable
from chassis.envelope import Cause
from chassis.errors import Conflict, IdempotencyKeyInProgress, IdempotencyKeyReused, Refusal
from chassis.handling import Command, Service, Unit, in_transaction
from chassis.idempotency import KeyedRequest, Stored
from chassis.world import Context, Keys, World

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CommandCall:
    """One call of a command: the parsed request, its identity for replays, what caused it, and what the caller says to it."""

    command: Command[Any]
    parsed: Any
    keyed: KeyedRequest
    cause: Cause
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call got: a response, possibly one that was stored before, or an error. `about` is the key of what answers it."""

    response: Message | None = None
    replayed: bool = False
    error: Exception | None = None
    about: str = ""


def run_commands(service: Service, calls: Sequence[CommandCall]) -> list[Answer]:
    """Run calls together and return their answers in order. One bad call never fails its neighbours."""
    metrics.COMMAND_BATCH.observe(len(calls))
    leaders: dict[tuple[str, str, str], CommandCall] = {}
    for call in calls:
        leaders.setdefault(call.keyed.identity, call)
    answers = dict(zip(leaders, _run(service, list(leaders.values())), strict=True))
    own = [_own(call, leaders[call.keyed.identity], answers[call.keyed.identity]) for call in calls]
    _count(own)
    return own


def _count(answers: Sequence[Answer]) -> None:
    """Count what became of the keys, after the commit; a refused command leaves its key free and counts nothing."""
    for answer in answers:
        if answer.response is not None:
            metrics.IDEMPOTENCY.labels("replayed" if answer.replayed else "first").inc()
        elif isinstance(answer.error, IdempotencyKeyReused):
            metrics.IDEMPOTENCY.labels("reused").inc()
        elif isinstance(answer.error, IdempotencyKeyInProgress):
            metrics.IDEMPOTENCY.labels("running").inc()


def _own(call: CommandCall, leader: CommandCall, answer: Answer) -> Answer:
    """Give a call that shares its key with an earlier one of the batch that one's answer, as a replay."""
    if call is leader:
        return answer
    if call.keyed.request_hash != leader.keyed.request_hash:
        return Answer(error=idempotency.reused())
    return Answer(answer.response, replayed=answer.error is None, error=answer.error)


def _run(service: Service, calls: list[CommandCall]) -> list[Answer]:
    try:
        with metrics.DB_DURATION.labels("command").time():
            answers, has_events = in_transaction(service, lambda connection: _attempt(service, connection, calls))
    except Exception as error:
        if len(calls) > 1:
            return [answer for call in calls for answer in _run(service, [call])]
        return [Answer(error=_outcome(error))]
    failpoints.hit("command.after_commit")
    if has_events:
        service.on_commit()
    return answers


def _outcome(error: Exception) -> Exception:
    """Say what a failed single call is to its caller; an unexpected error stays what it is and is logged by the edge."""
    if is_infrastructure(error) or isinstance(error, Conflict):
        log.warning("command_unavailable", error_class=type(error).__name__, sqlstate=sqlstate(error))
        return unavailable(error)
    return error


def _attempt(service: Service, connection: sa.Connection, calls: list[CommandCall]) -> tuple[list[Answer], bool]:
    stored = idempotency.claim(connection, [call.keyed for call in calls])
    fresh = [call for call in calls if call.keyed.identity not in stored]
    unit = Unit(service, connection, _keys(fresh))
    contexts = {call.keyed.identity: unit.context(call.cause) for call in fresh}
    _consult(connection, unit.world, [(call, contexts[call.keyed.identity]) for call in fresh])
    answers: dict[tuple[str, str, str], Answer] = {}
    for call in calls:
        known = stored.get(call.keyed.identity)
        answers[call.keyed.identity] = _replay(call, known) if known else _decide(unit, call, contexts[call.keyed.identity])
    unit.save()
    _remember(connection, fresh, answers)
    _audit(service, connection, fresh, answers)
    failpoints.hit("command.before_commit")
    return [answers[call.keyed.identity] for call in calls], bool(unit.sealed)


def _keys(calls: Sequence[CommandCall]) -> Keys:
    wanted: Keys = frozenset()
    return wanted.union(*[call.command.keys(call.parsed) for call in calls])


def _consult(connection: sa.Connection, world: World, calls: Sequence[tuple[CommandCall, Context]]) -> None:
    """Let each command read once what its calls need beside their aggregates."""
    asked: dict[Any, list[tuple[Any, Context]]] = {}
    for call, context in calls:
        if call.command.consult is not None:
            asked.setdefault(call.command.consult, []).append((call.parsed, context))
    for consult, ones in asked.items():
        consult(connection, world, ones)


def _replay(call: CommandCall, stored: Stored) -> Answer:
    try:
        return Answer(call.command.response.FromString(stored.response_to(call.keyed)), replayed=True)
    except IdempotencyKeyReused as refusal:
        return Answer(error=refusal)


def _decide(unit: Unit, call: CommandCall, context: Context) -> Answer:
    try:
        decision = call.command.decide(unit.world, call.parsed, context)
    except Refusal as refusal:
        return Answer(error=refusal)
    unit.accept(decision, context, call.cause)
    return Answer(call.command.encode(unit.world, decision.result), about=decision.result.key)


def _remember(connection: sa.Connection, calls: Sequence[CommandCall], answers: dict[tuple[str, str, str], Answer]) -> None:
    done, refused = [], []
    for call in calls:
        response = answers[call.keyed.identity].response
        if response is None:
            refused.append(call.keyed)
        else:
            done.append((call.keyed, response.SerializeToString()))
    idempotency.finish(connection, done)
    idempotency.release(connection, refused)


def _audit(
    service: Service,
    connection: sa.Connection,
    calls: Sequence[CommandCall],
    answers: dict[tuple[str, str, str], Answer],
) -> None:
    now = service.clock.now()
    done = [(call, answer) for call in calls if (answer := answers[call.keyed.identity]).response is not None]
    entries = [audit.entry(call.cause, call.command.name, _named(call, answer), call.comment, now) for call, answer in done]
    audit.append(connection, entries)


def _named(call: CommandCall, answer: Answer) -> list[str]:
    """Return what a call named and what it made, which it could not name."""
    return sorted({answer.about, *(key for _kind, key in call.command.keys(call.parsed))})
