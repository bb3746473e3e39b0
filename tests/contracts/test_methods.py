"""What holds for every RPC: a policy, a route, and the shapes that clients rely on."""

from __future__ import annotations

import re

import pytest
from google.protobuf.descriptor import MethodDescriptor

from atlas.common.v1 import error_reason_pb2, options_pb2
from chassis.contracts import REASON_PREFIX, policy_of
from tests.contracts import schema

every_method = pytest.mark.parametrize("method", schema.METHODS, ids=lambda method: method.full_name)
SUCCESSES = {"GET": {200}, "POST": {200, 201, 202, 204}, "PATCH": {200, 202}}


def _policy(method: MethodDescriptor) -> options_pb2.MethodPolicy:
    policy = policy_of(method)
    assert policy is not None
    return policy


@every_method
def test_every_method_has_a_complete_policy(method: MethodDescriptor) -> None:
    policy = _policy(method)
    assert policy.auth != options_pb2.AUTH_UNSPECIFIED
    assert policy.idempotency != options_pb2.IDEMPOTENCY_UNSPECIFIED
    assert policy.scopes or policy.auth == options_pb2.AUTH_PROVIDER_SIGNATURE
    assert all(re.fullmatch(r"[a-z]+:[a-z_]+", scope) for scope in [*policy.scopes, *policy.refining_scopes])


@every_method
def test_every_method_has_a_route_that_fits_its_policy(method: MethodDescriptor) -> None:
    verb, path = schema.route(method)
    policy = _policy(method)
    assert path.startswith("/v1/")
    assert policy.success_status in SUCCESSES[verb]
    if verb == "GET":
        assert policy.idempotency == options_pb2.IDEMPOTENCY_NO_SIDE_EFFECTS
    else:
        signed = policy.auth == options_pb2.AUTH_PROVIDER_SIGNATURE
        assert schema.http_rule(method).body == ("payload" if signed else "*")


@every_method
def test_path_variables_are_checked_fields_of_the_request(method: MethodDescriptor) -> None:
    for name in re.findall(r"{(\w+)}", schema.route(method)[1]):
        field = method.input_type.fields_by_name[name]
        assert field.GetOptions().ByteSize(), f"{field.full_name} has no rule"


@every_method
def test_policies_name_reasons_that_exist(method: MethodDescriptor) -> None:
    known = {name.removeprefix(REASON_PREFIX) for name in error_reason_pb2.ErrorReason.keys()}  # noqa: SIM118  # not a dict
    assert set(_policy(method).error_reasons) <= known


@every_method
def test_a_list_is_paged(method: MethodDescriptor) -> None:
    if method.name.startswith("List"):
        assert {"page_size", "page_token"} <= set(method.input_type.fields_by_name)
        assert "next_page_token" in method.output_type.fields_by_name
        assert "INVALID_PAGE_TOKEN" in _policy(method).error_reasons


@every_method
def test_a_command_that_takes_a_version_answers_one(method: MethodDescriptor) -> None:
    if "expected_version" in method.input_type.fields_by_name and _policy(method).success_status != 201:
        assert "version" in schema.answer(method).fields_by_name
        assert "VERSION_MISMATCH" in _policy(method).error_reasons


@every_method
def test_what_is_created_can_be_read_at_its_location(method: MethodDescriptor) -> None:
    verb, path = schema.route(method)
    if verb != "POST" or _policy(method).success_status != 201:
        return
    reads = [route for kind, route in map(schema.route, schema.METHODS) if kind == "GET"]
    collections = {path, f"/v1/{path.rpartition('/')[2]}"}
    locations = [route for route in reads if route.rpartition("/")[0] in collections and re.search(r"/{\w+}$", route)]
    assert len(locations) == 1, f"no GET {path}/{{…}}"
    assert set(re.findall(r"{(\w+)}", locations[0])) <= set(schema.answer(method).fields_by_name)


def test_no_two_methods_share_a_route() -> None:
    routes = [(verb, re.sub(r"{\w+}", "{}", path)) for verb, path in map(schema.route, schema.METHODS)]
    assert len(set(routes)) == len(routes)


def test_only_people_decide_approvals() -> None:
    deciding = {method.name for method in schema.METHODS if "workflow:approve" in _policy(method).scopes}
    assert deciding == {method.name for method in schema.METHODS if _policy(method).human_only}
    assert deciding >= {"ApproveRequest", "RejectRequest"}
