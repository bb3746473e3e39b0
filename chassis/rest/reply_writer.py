"""The response message of an RPC to the HTTP answer of its route."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

import orjson
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message

from chassis.rest.asgi import RawHeaders
from chassis.rest.codec import writer
from chassis.rest.headers import location, next_link
from chassis.rest.routes import HTTP_BODY, Route

JSON = (b"content-type", b"application/json")
REPLAYED = "idempotent-replayed"


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: RawHeaders
    body: bytes


class ReplyWriter:
    """Writes the answers of one route."""

    def __init__(self, route: Route) -> None:
        made = route.made
        self._resource = route.resource.name if route.resource else None
        self._status = route.policy.success_status
        self._location = route.location
        self._has_version = "version" in made.fields_by_name
        self._has_pages = "next_page_token" in made.fields_by_name
        self._write = _write_document if made.full_name == HTTP_BODY else _json_writer(writer(made))

    def write(self, response: Message, path: str, query: bytes, trailing: Iterable[tuple[str, str | bytes]]) -> Reply:
        """Write the answer; `path` and `query` are those of the request, `trailing` the metadata after the response."""
        resource: Any = getattr(response, self._resource) if self._resource else response
        if self._status == 204:
            content, headers = b"", []
        else:
            content, content_type = self._write(resource)
            headers = [content_type]
        if self._has_version:
            headers.append((b"etag", b'"%d"' % resource.version))
        if self._location:
            headers.append((b"location", location(self._location, resource).encode()))
        if self._has_pages and resource.next_page_token:
            headers.append((b"link", next_link(path, query, resource.next_page_token).encode()))
        if any(key == REPLAYED and value in ("true", b"true") for key, value in trailing):
            headers.append((b"idempotent-replayed", b"true"))
        return Reply(self._status, headers, content)


def _json_writer(write: Callable[[Message], dict[str, Any]]) -> Callable[[Message], tuple[bytes, tuple[bytes, bytes]]]:
    return lambda message: (orjson.dumps(write(message)), JSON)


def _write_document(message: Message) -> tuple[bytes, tuple[bytes, bytes]]:
    document = cast("HttpBody", message)
    return document.data, (b"content-type", document.content_type.encode())
