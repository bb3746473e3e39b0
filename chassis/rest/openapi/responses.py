"""The answers of each route: its success, and every problem it may end with."""

from __future__ import annotations

from typing import Any

from chassis.contracts import error_options
from chassis.rest.openapi.rules import has_rules
from chassis.rest.openapi.schemas import Schemas
from chassis.rest.request_reader import EXPECTED_VERSION
from chassis.rest.routes import HTTP_BODY, Route

Json = dict[str, Any]
ALWAYS = (
    *("MALFORMED_JSON", "UNKNOWN_FIELD", "INVALID_HEADER", "METHOD_NOT_ALLOWED", "HEADERS_TOO_LARGE"),
    *("RATE_LIMITED", "INTERNAL", "UNAVAILABLE", "OVERLOADED", "DEADLINE_EXCEEDED"),
)
BEHIND_TOKEN = ("UNAUTHENTICATED", "INSUFFICIENT_SCOPE")
WITH_KEY = ("IDEMPOTENCY_KEY_REQUIRED", "IDEMPOTENCY_KEY_IN_PROGRESS", "IDEMPOTENCY_KEY_REUSED")
WITH_BODY = ("PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE")
EXTRA_HEADERS = {401: ("WWW-Authenticate",), 405: ("Allow",), 409: ("Retry-After",), 429: ("Retry-After",)}
EXTRA_HEADERS |= {404: ("Retry-After",), 503: ("Retry-After",)}
HEADERS: Json = {
    "X-Correlation-Id": ("The id of this request, as sent or made here; logs and events carry it.", {"type": "string"}),
    "RateLimit": ("What is left of the caller's window.", {"type": "string"}),
    "RateLimit-Policy": ("The caller's limit and window.", {"type": "string"}),
    "ETag": ("The version of the resource, for If-Match.", {"type": "string", "pattern": '^"[0-9]+"$'}),
    "Location": ("The path of what was made.", {"type": "string", "format": "uri-reference"}),
    "Link": ("The next page, with rel=next; absent on the last one.", {"type": "string"}),
    "Idempotent-Replayed": ("`true` when this repeats the first answer to the same key.", {"const": "true"}),
    "Retry-After": ("Seconds to wait before the same request is sent again.", {"type": "integer", "minimum": 0}),
    "WWW-Authenticate": ("The scheme to authenticate with.", {"type": "string"}),
    "Allow": ("The methods of the path.", {"type": "string"}),
}
PROBLEM: Json = {
    "type": "object",
    "description": "A problem document (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "code", "correlation_id", "trace_id", "hint"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "The page about this kind of problem."},
        "title": {"type": "string", "description": "The kind of problem; the same for every occurrence."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What happened this time."},
        "instance": {"type": "string", "description": "The path that was asked."},
        "code": {"type": "string", "description": "The kind of problem, for programs."},
        "correlation_id": {"type": "string", "description": "What to name when asking for help."},
        "trace_id": {"type": "string", "description": "The trace of the request."},
        "hint": {"type": "string", "description": "What helps."},
        "errors": {
            "type": "array",
            "description": "Every offending place; of rule breaches the first 25.",
            "items": {
                "type": "object",
                "required": ["pointer", "reason", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "A JSON pointer; the name of a parameter, after a slash."},
                    "reason": {"type": "string", "description": "The rule, for programs."},
                    "detail": {"type": "string", "description": "The rule, for people."},
                },
            },
        },
    },
}


def header_refs(names: tuple[str, ...]) -> Json:
    """Refer to headers of the components."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def reasons_of(route: Route) -> list[str]:
    """Name every reason for which a route may refuse, in a fixed order."""
    found = [*ALWAYS]
    found += BEHIND_TOKEN if route.needs_token else ()
    found += WITH_KEY if route.is_keyed else ()
    found += WITH_BODY if route.body else ()
    if has_rules(route.rpc.input_type):
        found.append("VALIDATION_FAILED")
    if route.service.upstream_variable:
        found.append("NOT_FOUND")
    if EXPECTED_VERSION in route.rpc.input_type.fields_by_name:
        found.append("VERSION_MISMATCH")
    return list(dict.fromkeys([*found, *route.policy.error_reasons]))


class Responses:
    """Writes responses, and collects the problem responses that routes share."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self.components: dict[str, Json] = {}

    def of(self, route: Route) -> Json:
        """Write every answer of a route, by status."""
        return {str(route.policy.success_status): self._success(route), **self.problems(reasons_of(route))}

    def problems(self, reasons: list[str]) -> Json:
        """Refer to the problem responses for these reasons, by status."""
        by_status: dict[int, list[str]] = {}
        for reason in reasons:
            by_status.setdefault(error_options(reason).http_status, []).append(reason)
        return {str(status): self._problem(status, sorted(by_status[status])) for status in sorted(by_status)}

    def _success(self, route: Route) -> Json:
        status = route.policy.success_status
        words = {200: "Done.", 201: "Made.", 202: "Accepted; the rest follows by itself.", 204: "Done; nothing to say."}
        names = ["X-Correlation-Id", "RateLimit", "RateLimit-Policy"]
        names += ["ETag"] if "version" in route.made.fields_by_name else []
        names += ["Location"] if route.location else []
        names += ["Link"] if "next_page_token" in route.made.fields_by_name else []
        names += ["Idempotent-Replayed"] if route.is_keyed else []
        answer: Json = {"description": words[status], "headers": header_refs(tuple(names))}
        if status == 204:
            return answer
        if route.made.full_name == HTTP_BODY:
            return answer | {"content": {"*/*": {"schema": {}}}}
        return answer | {"content": {"application/json": {"schema": self._schemas.message(route.made, "output")}}}

    def _problem(self, status: int, reasons: list[str]) -> Json:
        name = f"{status}.{'.'.join(reasons)}"
        text = " ".join(f"`{reason}`: {error_options(reason).title}." for reason in reasons)
        self.components[name] = {
            "description": text,
            "headers": header_refs(("X-Correlation-Id", *EXTRA_HEADERS.get(status, ()))),
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        return {"$ref": f"#/components/responses/{name}"}
