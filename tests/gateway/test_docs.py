"""The pages around the API."""

from __future__ import annotations

import re

import pytest

from chassis.contracts import error_options
from chassis.rest.problem import reasons
from tests.gateway.backend import Gateway


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_pages_load_nothing_from_elsewhere(gateway: Gateway, path: str) -> None:
    page = (await gateway.client.get(path)).text
    sources = re.findall(r"""(?:src|href)=["']([^"']+)""", page)
    assert sources
    for source in sources:
        assert source.startswith("/")
        assert (await gateway.client.get(source)).status_code == 200


async def test_the_committed_document_is_served(gateway: Gateway) -> None:
    document = (await gateway.client.get("/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    assert "/v1/orders" in document["paths"]


@pytest.mark.parametrize("reason", reasons())
async def test_every_problem_has_a_page(gateway: Gateway, reason: str) -> None:
    answer = await gateway.client.get(f"/docs/problems/{reason}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert error_options(reason).title in answer.text
    assert str(error_options(reason).http_status) in answer.text
    assert reason in (await gateway.client.get("/docs/problems")).text
