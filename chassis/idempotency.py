"""Idempotent commands: the key, the effect and the response are one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from google.protobuf.message import Message
from sqlalchemy.dialects import postgresql as pg

from chassis.database import LOCK_TIMEOUT, array_parameters, delete_rows, sqlstate, unnest, update_rows
from chassis.errors import IdempotencyKeyInProgress, IdempotencyKeyReused
from chassis.tables import idempotency

_NAMES = ("principal", "method", "key", "request_hash")
_ROWS = unnest(idempotency, _NAMES)
_KEY = (idempotency.c.principal, idempotency.c.method, idempotency.c.key)
_CLAIM = (
    pg.insert(idempotency)
    .from_select(list(_NAMES), sa.select(*[_ROWS.c[name] for name in _NAMES]).order_by(_ROWS.c.principal, _ROWS.c.key))
    .on_conflict_do_update(
        index_elements=["principal", "method", "key"],
        set_={
            "request_hash": sa.literal_column("excluded.request_hash"),
            "response": None,
            "create_time": sa.func.now(),
            "expire_time": sa.text("now() + interval '24 hours'"),
        },
        where=idempotency.c.expire_time < sa.func.now(),
    )
    .returning(*_KEY)
)
_KNOWN = sa.select(*_KEY, idempotency.c.request_hash, idempotency.c.response).join(
    _ROWS, sa.and_(*[column == _ROWS.c[column.name] for column in _KEY])
)


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request that may be repeated: the same principal, method and key give the same answer."""

    principal: str
    method: str
    key: str
    request_hash: bytes

    @property
    def identity(self) -> tuple[str, str, str]:
        """The primary key."""
        return self.principal, self.method, self.key


@dataclass(frozen=True, slots=True)
class Stored:
    """What an earlier call left: its request's hash and its response's bytes."""

    request_hash: bytes
    response: bytes

    def response_to(self, request: KeyedRequest) -> bytes:
        """Return the response for a repeated request. Raises IdempotencyKeyReused where it is another one."""
        if self.request_hash != request.request_hash:
            raise reused()
        return self.response


def reused() -> IdempotencyKeyReused:
    """Say that a key came with another body."""
    return IdempotencyKeyReused("this Idempotency-Key was used before with another request body")


def hash_request(request: Message) -> bytes:
    """Hash a request so that another body under the same key is noticed."""
    return hashlib.sha256(request.SerializeToString(deterministic=True)).digest()


def claim(connection: sa.Connection, requests: Sequence[KeyedRequest]) -> dict[tuple[str, str, str], Stored]:
    """Insert the keys that are new or expired; return what is stored for the others.

    Waits for a transaction that holds one of them, for at most the lock timeout: then IdempotencyKeyInProgress.
    """
    if not requests:
        return {}
    parameters = array_parameters({name: [getattr(request, name) for request in requests] for name in _NAMES})
    claimed = _claimed(connection, parameters)
    if len(claimed) == len(requests):
        return {}
    rows = connection.execute(_KNOWN, parameters).all()
    stored = {(r.principal, r.method, r.key): Stored(bytes(r.request_hash), bytes(r.response or b"")) for r in rows}
    return {identity: value for identity, value in stored.items() if identity not in claimed}


def _claimed(connection: sa.Connection, parameters: Mapping[str, Sequence[object]]) -> set[tuple[object, ...]]:
    try:
        return {tuple(row) for row in connection.execute(_CLAIM, parameters)}
    except sa.exc.DBAPIError as error:
        if sqlstate(error) == LOCK_TIMEOUT:
            raise IdempotencyKeyInProgress("the first request with this key is still running", retry_after=1) from error
        raise


def finish(connection: sa.Connection, responses: Sequence[tuple[KeyedRequest, bytes]]) -> None:
    """Store the responses of the calls that had their effect."""
    rows = [{"principal": r.principal, "method": r.method, "key": r.key, "response": response} for r, response in responses]
    update_rows(connection, idempotency, rows)


def release(connection: sa.Connection, requests: Sequence[KeyedRequest]) -> None:
    """Give back keys whose calls were refused: a refusal changed nothing and may be tried again with the key."""
    rows = [{"principal": request.principal, "method": request.method, "key": request.key} for request in requests]
    delete_rows(connection, idempotency, rows)


def forget_old(connection: sa.Connection) -> int:
    """Delete expired keys, by the database's clock."""
    return connection.execute(sa.delete(idempotency).where(idempotency.c.expire_time < sa.func.now())).rowcount
