"""Keyset paging: opaque tokens, signed, and bound to the list, its filters and the caller; and windows of time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from google.protobuf.message import Message
from itsdangerous import BadSignature, URLSafeSerializer

from chassis.errors import InvalidPageToken, ValidationFailed, Violation
from chassis.values import time
from chassis.world import Actor

DEFAULT_SIZE, MAX_SIZE = 50, 200


class Pager:
    """Pages one kind of list after another; the secret signs every token of the service."""

    def __init__(self, secret: str) -> None:
        self._serializer = URLSafeSerializer(secret, salt="page-token")

    def page(self, request: Message, actor: Actor) -> Page:
        """Read page_size and page_token of a list request. Raises InvalidPageToken."""
        binding = _binding(request, actor)
        size = min(request.page_size or DEFAULT_SIZE, MAX_SIZE)  # type: ignore[attr-defined]  # every list request has it
        token: str = request.page_token  # type: ignore[attr-defined]
        return Page(self._serializer, binding, size, self._after(token, binding) if token else None)

    def _after(self, token: str, binding: str) -> list[Any]:
        try:
            loaded = self._serializer.loads(token)
        except BadSignature:
            raise _invalid("signature", "was not made by this service") from None
        if not isinstance(loaded, list) or loaded[:1] != [binding]:
            raise _invalid("binding", "belongs to another list, filter or caller")
        return loaded[1:]


class Page:
    """One page of a list: where to start, how many, and the token of the next."""

    def __init__(self, serializer: URLSafeSerializer, binding: str, size: int, after: list[Any] | None) -> None:
        self._serializer = serializer
        self._binding = binding
        self.size = size
        self.after = after

    def select(
        self, connection: sa.Connection, statement: sa.Select[Any], *order: sa.UnaryExpression[Any]
    ) -> tuple[list[sa.Row[Any]], str]:
        """Return the rows of this page and the next token (empty on the last page).

        `order` are column.asc() or column.desc(), all in one direction; together they are unique.
        """
        return self.merge(connection, [statement], *order)

    def merge(
        self, connection: sa.Connection, branches: Sequence[sa.Select[Any]], *order: sa.UnaryExpression[Any]
    ) -> tuple[list[sa.Row[Any]], str]:
        """Return the rows of this page and the next token, out of statements that together are the list.

        They select the same columns and share no row. Each is read in its order and no further than the page reaches: an
        index that begins with what a branch is about serves several of them without a sort.
        """
        parts = [self._part(branch, order) for branch in branches]
        statement = parts[0] if len(parts) == 1 else sa.union_all(*parts).order_by(*order).limit(self.size + 1)
        rows = list(connection.execute(statement))
        if len(rows) <= self.size:
            return rows, ""
        rows = rows[: self.size]
        last = [_plain(getattr(rows[-1], str(expression.element.key))) for expression in order]
        token = self._serializer.dumps([self._binding, *last])
        return rows, token if isinstance(token, str) else token.decode()

    def _part(self, statement: sa.Select[Any], order: Sequence[sa.UnaryExpression[Any]]) -> sa.Select[Any]:
        """Return one branch from where the page starts, as far as it can reach."""
        if self.after is not None:
            columns = [expression.element for expression in order]
            mine, theirs = sa.tuple_(*columns), sa.tuple_(*self._bound(columns))
            descending = order[0].modifier is sa.sql.operators.desc_op
            statement = statement.where(mine < theirs if descending else mine > theirs)
        return statement.order_by(*order).limit(self.size + 1)

    def _bound(self, columns: Sequence[Any]) -> list[Any]:
        return [sa.cast(sa.literal(value), column.type) for value, column in zip(self.after or [], columns, strict=True)]


def window(request: Message, name: str, column: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
    """Return the terms of `<name>_from` (at it or later) and `<name>_to` (before it) of a list request.

    A window that ends before it begins is a ValidationFailed; an empty one finds nothing.
    """
    start, end = f"{name}_from", f"{name}_to"
    since = time(getattr(request, start)) if request.HasField(start) else None
    until = time(getattr(request, end)) if request.HasField(end) else None
    if since is not None and until is not None and until < since:
        rule = f"must not be earlier than {start}"
        raise ValidationFailed(
            f"{end} {rule}",
            hint=f"Swap {start} and {end}, or leave one out.",
            violations=(Violation(end, "window.order", rule),),
        )
    return [*([column >= since] if since is not None else []), *([column < until] if until is not None else [])]


def _invalid(rule: str, what: str) -> InvalidPageToken:
    return InvalidPageToken(f"the page token {what}", violations=(Violation("page_token", f"page_token.{rule}", what),))


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | str) else value.isoformat() if hasattr(value, "isoformat") else str(value)


def _binding(request: Message, actor: Actor) -> str:
    bare = type(request)()
    bare.CopyFrom(request)
    bare.ClearField("page_token")
    bare.ClearField("page_size")
    parts = (request.DESCRIPTOR.full_name, actor.key, bare.SerializeToString(deterministic=True).hex())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
