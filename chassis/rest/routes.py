"""The route table, read from google.api.http and the method policy of each RPC."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from google.api.http_pb2 import HttpRule
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from atlas.common.v1 import options_pb2
from chassis.contracts import policy_of
from chassis.rest.descriptors import http_rules, is_message, message_of

HTTP_BODY = "google.api.HttpBody"
_VARIABLE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_SEGMENT = re.compile(r"[A-Za-z0-9._-]+")


class ContractError(Exception):
    """A contract that cannot be served as it is written."""


@dataclass(frozen=True, slots=True)
class Service:
    """A gRPC service and where it is: at one upstream, or at the one that a path variable names."""

    descriptor: ServiceDescriptor
    upstream: str = ""
    upstream_variable: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """One HTTP method on one path, and the RPC behind it. Segments in braces are variables."""

    method: str
    segments: tuple[str, ...]
    body: str
    service: Service
    rpc: MethodDescriptor
    request: type[Message]
    response: type[Message]
    resource: FieldDescriptor | None
    policy: options_pb2.MethodPolicy
    location: tuple[str, ...] | None = None

    @property
    def path(self) -> str:
        """The path template as OpenAPI writes it."""
        return "/" + "/".join(self.segments)

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the path's variables, in order."""
        return tuple(segment[1:-1] for segment in self.segments if segment.startswith("{"))

    @property
    def made(self) -> Descriptor:
        """The message type of the answer's body."""
        return message_of(self.resource) if self.resource else self.rpc.output_type

    @property
    def full_method(self) -> str:
        """The gRPC path of the RPC."""
        return f"/{self.rpc.containing_service.full_name}/{self.rpc.name}"

    @property
    def raw_body(self) -> str:
        """The request field that takes the body as it came; empty where the body is JSON, or where there is none."""
        return self.body.removeprefix("*")

    @property
    def is_keyed(self) -> bool:
        """Whether a call needs an idempotency key."""
        return self.policy.idempotency == options_pb2.IDEMPOTENCY_KEYED

    @property
    def needs_token(self) -> bool:
        """Whether a call needs an access token; the others prove who they are to the service itself."""
        return self.policy.auth == options_pb2.AUTH_JWT


def read_routes(services: Iterable[Service]) -> tuple[Route, ...]:
    """Read every route of the services; ContractError where one cannot be served as written."""
    routes = [route for service in services for rpc in service.descriptor.methods for route in _routes_of(service, rpc)]
    return tuple(replace(route, location=_location(route, routes)) for route in routes)


def _routes_of(service: Service, rpc: MethodDescriptor) -> list[Route]:
    policy = policy_of(rpc)
    if policy is None:
        raise ContractError(f"{rpc.full_name} has no policy")
    return [_route(service, rpc, policy, rule) for rule in http_rules(rpc)]


def _route(service: Service, rpc: MethodDescriptor, policy: options_pb2.MethodPolicy, rule: HttpRule) -> Route:
    kind = rule.WhichOneof("pattern")
    if kind not in ("get", "post", "put", "patch", "delete"):
        raise ContractError(f"{rpc.full_name}: {kind} is not a supported HTTP method")
    segments = tuple(getattr(rule, kind).removeprefix("/").split("/"))
    for segment in segments:
        if not (_VARIABLE.fullmatch(segment) or _SEGMENT.fullmatch(segment)):
            raise ContractError(f"{rpc.full_name}: {segment!r} is not a supported path segment")
    if rule.body not in ("", "*") and not _is_http_body(rpc.input_type.fields_by_name.get(rule.body)):
        raise ContractError(f"{rpc.full_name}: the body is all of the request (*), an HttpBody of it, or nothing")
    route = Route(
        method=kind.upper(),
        segments=segments,
        body=rule.body,
        service=service,
        rpc=rpc,
        request=message_factory.GetMessageClass(rpc.input_type),
        response=message_factory.GetMessageClass(rpc.output_type),
        resource=_resource(rpc, rule.response_body),
        policy=policy,
    )
    _check_variables(route)
    return route


def _resource(rpc: MethodDescriptor, name: str) -> FieldDescriptor | None:
    if not name:
        return None
    field = rpc.output_type.fields_by_name.get(name)
    if field is None or not is_message(field) or field.is_repeated:
        raise ContractError(f"{rpc.full_name}: response_body {name!r} is not a message of the answer")
    return field


def _is_http_body(field: FieldDescriptor | None) -> bool:
    return field is not None and is_message(field) and message_of(field).full_name == HTTP_BODY


def _check_variables(route: Route) -> None:
    fields = route.rpc.input_type.fields_by_name
    for name in route.variables:
        field = fields.get(name)
        if field is None and name != route.service.upstream_variable:
            raise ContractError(f"{route.rpc.full_name}: the path variable {name!r} is not a field of the request")
        if field is not None and (field.is_repeated or is_message(field)):
            raise ContractError(f"{route.rpc.full_name}: the path variable {name!r} is not a scalar")
    if not (route.service.upstream or route.service.upstream_variable in route.variables):
        raise ContractError(f"{route.rpc.full_name}: the path does not say which upstream it means")


def _location(route: Route, routes: Iterable[Route]) -> tuple[str, ...] | None:
    """Find the path of what a 201 made: a GET one variable below, whose variables are fields of the answer.

    What is made below something else, such as /v1/invoices/{invoice_id}/credit-notes, may be read at /v1/credit-notes/{...}.
    """
    if route.policy.success_status != 201:
        return None
    made, collections = route.made, (route.segments, (route.segments[0], route.segments[-1]))
    for other in routes:
        below = other.segments[:-1] in collections and other.segments[-1].startswith("{")
        if other.method == "GET" and below and all(name in made.fields_by_name for name in other.variables):
            return other.segments
    raise ContractError(f"{route.rpc.full_name} answers 201, but there is no GET {route.path}/{{id}} for what it made")
