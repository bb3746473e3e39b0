"""Prefer: wait=N answers when the order is at rest, and a replay of that call answers the same."""

from __future__ import annotations

import uuid

import pytest

from cli.client import RestClient
from cli.scenarios.narrator import Silence
from cli.scenarios.stage import Stage, an_order

pytestmark = pytest.mark.stack


def test_a_waited_order_is_answered_at_rest_and_replayed_as_it_was(client: RestClient) -> None:
    stage = Stage(client, Silence())
    body, key = an_order(stage.item("WAIT", stock=3), 1), str(uuid.uuid4())
    first = stage.buyer.command("/v1/orders", body, key, Prefer="wait=10")
    assert first.body["state"] == "CONFIRMED"
    again = stage.buyer.command("/v1/orders", body, key)
    assert (again.status, again.body, again.is_replay) == (first.status, first.body, True)
