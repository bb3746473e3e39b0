"""The OpenAPI document: operations, parameters, components."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chassis.rest.openapi.comments import Comments
from chassis.rest.openapi.examples import example
from chassis.rest.openapi.responses import HEADERS, PROBLEM, Json, Responses
from chassis.rest.openapi.rules import is_required
from chassis.rest.openapi.schemas import Schemas
from chassis.rest.request_reader import EXPECTED_VERSION, query_fields
from chassis.rest.routes import Route

_MAY_WAIT = (201, 202)
_PARAMETERS: Json = {
    "X-Correlation-Id": {
        "description": "An id of the caller's for everything this request causes; made when absent.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"},
    },
    "Idempotency-Key": {
        "description": "Names the intended effect: repeated with the same body, it happens once and is answered the same.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
        "example": "4f1c0f4e-1",
        "required": True,
    },
    "If-Match": {
        "description": f'The version decided on, as ETag shows it ("4"), or *; the same as {EXPECTED_VERSION} of the body.',
        "schema": {"type": "string", "pattern": '^(\\*|"[1-9][0-9]{0,15}"|[1-9][0-9]{0,15})$'},
    },
    "webhook-id": {
        "description": "The message's own id (Standard Webhooks); the same message again changes nothing.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        "required": True,
    },
    "webhook-timestamp": {
        "description": "When it was sent, in seconds since 1970 (Standard Webhooks); five minutes off at most.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
        "required": True,
    },
    "webhook-signature": {
        "description": "`v1,` and the HMAC-SHA256 of id, timestamp and body in Base64 (Standard Webhooks); one or more.",
        "schema": {"type": "string", "minLength": 1},
        "required": True,
    },
    "Prefer": {
        "description": "`wait=N`: answer when the resource has settled, after N seconds (10 at most); only a preference.",
        "schema": {"type": "string", "pattern": "^[ -~]*$"},
    },
}


class Document:
    """Builds one OpenAPI document."""

    def __init__(self, info: Json, comments: Comments) -> None:
        self._comments = comments
        self._schemas = Schemas(comments)
        self._responses = Responses(self._schemas)
        self._paths: dict[str, Json] = {}
        self._tags: dict[str, str] = {}
        self._info = info

    def add(self, routes: Iterable[Route]) -> None:
        """Add the operations of routes."""
        for route in routes:
            self._paths.setdefault(route.path, {})[route.method.lower()] = self._operation(route)

    def add_operation(self, path: str, method: str, operation: Json, reasons: list[str]) -> None:
        """Add an operation that is no RPC, with the reasons for which it may refuse."""
        responses = {**operation["responses"], **self._responses.problems(reasons)}
        parameters = [*operation.get("parameters", ()), _parameter("X-Correlation-Id")]
        self._paths.setdefault(path, {})[method] = operation | {"parameters": parameters, "responses": responses}

    def build(self) -> Json:
        """Write the document."""
        return {
            "openapi": "3.1.0",
            "info": self._info,
            "servers": [{"url": "/"}],
            "tags": [{"name": name, "description": text} for name, text in self._tags.items()],
            "paths": {path: self._paths[path] for path in sorted(self._paths)},
            "components": {
                "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
                "parameters": {name: {"name": name, "in": "header"} | body for name, body in _PARAMETERS.items()},
                "headers": {name: {"description": text, "schema": schema} for name, (text, schema) in HEADERS.items()},
                "responses": dict(sorted(self._responses.components.items())),
                "schemas": dict(sorted({**self._schemas.components, "Problem": PROBLEM}.items())),
            },
        }

    def _operation(self, route: Route) -> Json:
        rpc, service = route.rpc, route.rpc.containing_service
        tag = service.name.removesuffix("Service")
        self._tags[tag] = self._comments.get(service.full_name, "")
        text = self._comments.get(rpc.full_name, rpc.name)
        operation: Json = {
            "operationId": rpc.name[0].lower() + rpc.name[1:],
            "tags": [tag],
            "summary": text.split(". ")[0].removesuffix("."),
            "description": text,
            "parameters": self._parameters(route),
        }
        if route.body:
            operation["requestBody"] = self._body(route)
        operation["responses"] = self._responses.of(route)
        operation["security"] = [{"bearer": list(route.policy.scopes)}] if route.needs_token else []
        if route.policy.refining_scopes:
            operation["x-refining-scopes"] = list(route.policy.refining_scopes)
        return operation | {"x-grpc-method": route.full_method}

    def _parameters(self, route: Route) -> list[Json]:
        fields = route.rpc.input_type.fields_by_name
        out: list[Json] = [
            self._described("path", name, self._schemas.field(fields[name], "input")) for name in route.variables
        ]
        wanted = query_fields(route)
        for field in route.rpc.input_type.fields:
            if field.name in wanted:
                schema = _without_null(self._schemas.field(field, "input"))
                out.append(self._described("query", field.name, schema) | ({"required": True} if is_required(field) else {}))
        names = ["X-Correlation-Id"]
        names += ["Idempotency-Key"] if route.is_keyed else []
        names += ["If-Match"] if EXPECTED_VERSION in fields else []
        names += [] if route.needs_token else ["webhook-id", "webhook-timestamp", "webhook-signature"]
        names += ["Prefer"] if route.is_keyed and route.policy.success_status in _MAY_WAIT else []
        return out + [_parameter(name) for name in names]

    def _described(self, place: str, name: str, schema: Json) -> Json:
        text = schema.pop("description", "")
        parameter: Json = {"name": name, "in": place, "description": text, "schema": schema}
        return parameter | ({"required": True} if place == "path" else {})

    def _body(self, route: Route) -> Json:
        if route.raw_body:
            return {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
        without = frozenset(route.variables)
        descriptor = route.rpc.input_type
        schema = self._schemas.object(descriptor, "input", without)
        content: Json = {"schema": schema}
        if shown := example(descriptor, without):
            content["example"] = shown
        return {"required": bool(schema.get("required")), "content": {"application/json": content}}


def _parameter(name: str) -> Json:
    return {"$ref": f"#/components/parameters/{name}"}


def _without_null(schema: dict[str, Any]) -> Json:
    """Say what a query parameter may be: there is no null in a query string."""
    out = dict(schema)
    if isinstance(out.get("type"), list):
        out["type"] = out["type"][0]
    if "enum" in out:
        out["enum"] = [value for value in out["enum"] if value is not None]
    return out
