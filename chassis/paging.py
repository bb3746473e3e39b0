"""Keyset paging: opaque tokens, signed, and bound to the list, its filters and the caller."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from google.protobuf.message import Message
from itsdangerous import BadSignature, URLSafeSerializer

from chassis.errors import InvalidPageToken
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
            raise InvalidPageToken("the page token was not made by this service") from None
        if not isinstance(loaded, list) or loaded[:1] != [binding]:
            raise InvalidPageToken("the page token belongs to another list, filter or caller")
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
        columns = [expression.element for expression in order]
        if self.after is not None:
            mine, theirs = sa.tuple_(*columns), sa.tuple_(*self._bound(columns))
            descending = order[0].modifier is sa.sql.operators.desc_op
            statement = statement.where(mine < theirs if descending else mine > theirs)
        rows = list(connection.execute(statement.order_by(*order).limit(self.size + 1)))
        if len(rows) <= self.size:
            return rows, ""
        rows = rows[: self.size]
        last = [_plain(getattr(rows[-1], str(column.key))) for column in columns]
        token = self._serializer.dumps([self._binding, *last])
        return rows, token if isinstance(token, str) else token.decode()

    def _bound(self, columns: Sequence[Any]) -> list[Any]:
        return [sa.cast(sa.literal(value), column.type) for value, column in zip(self.after or [], columns, strict=True)]


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | str) else value.isoformat() if hasattr(value, "isoformat") else str(value)


def _binding(request: Message, actor: Actor) -> str:
    bare = type(request)()
    bare.CopyFrom(request)
    bare.ClearField("page_token")
    bare.ClearField("page_size")
    parts = (request.DESCRIPTOR.full_name, actor.key, bare.SerializeToString(deterministic=True).hex())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
