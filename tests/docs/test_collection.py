"""docs/api/atlas.http: it has every call of the API once, and each answers as its title says."""

from __future__ import annotations

import re

import pytest

from gateway.services import all_routes
from tests.docs.collection import read, send
from tests.docs.pages import ROOT
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

CALLS = read((ROOT / "docs" / "api" / "atlas.http").read_text())


def test_every_call_answers_as_its_title_says(stack: Stack) -> None:
    variables = {"base": stack.addresses.base_url, "issuer": stack.addresses.issuer}
    for call, response in send(CALLS, variables):
        assert response.status_code in call.statuses, f"{call.title}: {response.status_code} {response.text}"


def test_every_route_is_there() -> None:
    sent = [(call.method, _segments(call.path)) for call in CALLS]
    missing = [
        f"{route.method} {route.path}"
        for route in all_routes()
        if not any(method == route.method and _is_of(route.path, segments) for method, segments in sent)
    ]
    assert missing == []


def _segments(path: str) -> list[str]:
    """The path with one segment for each, so that a reference that contains a slash would not count as two."""
    return re.sub(r"\{\{[^{}]*\}\}", "x", path).split("/")


def _is_of(template: str, segments: list[str]) -> bool:
    parts = template.split("/")
    return len(parts) == len(segments) and all(a == b or a.startswith("{") for a, b in zip(parts, segments, strict=True))
