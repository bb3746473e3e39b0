"""Path, query, body and If-Match of one HTTP request to the request message of its RPC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message

from chassis.rest.codec import reader
from chassis.rest.headers import Headers, InvalidHeader, if_match
from chassis.rest.offence import MALFORMED, Offence, Offences
from chassis.rest.parameters import is_flat, query_reader, text_reader
from chassis.rest.problem import Problem, Refused, from_offences
from chassis.rest.routes import Route
from chassis.rest.strict_json import MAX_DEPTH, is_too_deep, parse

EXPECTED_VERSION = "expected_version"


def query_fields(route: Route) -> frozenset[str]:
    """Name the request fields that a route takes as query parameters: all flat ones, unless there is a body."""
    if route.body:
        return frozenset()
    names = {field.name for field in route.rpc.input_type.fields if is_flat(field)}
    return frozenset(names - set(route.variables))


class RequestReader:
    """Reads the requests of one route."""

    def __init__(self, route: Route) -> None:
        descriptor = route.rpc.input_type
        fields = descriptor.fields_by_name
        self._make = route.request
        self._variables = [
            (place, name, text_reader(fields[name])) for place, name in enumerate(route.variables) if name in fields
        ]
        self._query = query_reader(descriptor, query_fields(route))
        self._raw_body = route.raw_body
        self._body = reader(descriptor, frozenset(route.variables)) if route.body and not route.raw_body else None
        self._has_version = EXPECTED_VERSION in fields

    def read(self, values: Sequence[str], query: bytes, body: bytes, headers: Headers) -> Message:
        """Build the request message; Refused, with every offending place, when that is not possible."""
        offences = Offences()
        arguments = self._read_body(body, offences) if self._body else {}
        for place, name, read_one in self._variables:
            arguments[name] = read_one(values[place], (None, name), offences)
        if query:
            arguments.update(self._query(query, offences))
        if offences.total:
            raise Refused(from_offences(offences))
        if self._raw_body:
            content_type = headers.get(b"content-type", b"").decode("latin-1")
            arguments[self._raw_body] = HttpBody(content_type=content_type, data=body)
        if self._has_version:
            _expect_version(arguments, headers)
        return self._make(**arguments)

    def _read_body(self, body: bytes, offences: Offences) -> dict[str, Any]:
        document = parse(body, offences)
        if offences.total or self._body is None:
            return {}
        arguments = self._body(document, None, offences)
        if offences.total and is_too_deep(document):
            offences.malformed(None, f"the body is nested deeper than {MAX_DEPTH}")
        return arguments if isinstance(arguments, dict) else {}


def _expect_version(arguments: dict[str, Any], headers: Headers) -> None:
    """Let If-Match fill expected_version; both and different is a contradiction."""
    try:
        version = if_match(headers.get(b"if-match"))
    except InvalidHeader as error:
        raise Refused(Problem("INVALID_HEADER", str(error))) from error
    if version is None:
        return
    if arguments.setdefault(EXPECTED_VERSION, version) != version:
        differs = Offence(f"/{EXPECTED_VERSION}", MALFORMED, "differs from If-Match")
        raise Refused(Problem("INVALID_HEADER", f"If-Match and {EXPECTED_VERSION} name different versions.", (differs,)))
