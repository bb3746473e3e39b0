"""Every scenario of `atlas demo`, through the same functions, then the invariants over all they left behind."""

from __future__ import annotations

import pytest

from cli.auditing.auditor import audit
from cli.client import RestClient
from cli.scenarios.playing import SCENARIOS, perform

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario_ends_as_expected_and_breaks_nothing(client: RestClient, name: str) -> None:
    outcome = perform(name, client)
    assert [check for check in outcome.checks if not check.holds] == []
    assert len(outcome.checks) >= 6
    assert [invariant for invariant in audit(client) if not invariant.holds] == []


def test_scenario_can_be_repeated(client: RestClient) -> None:
    assert perform("happy", client).holds
    assert perform("happy", client).holds
