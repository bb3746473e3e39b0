"""The table of scenarios, and how one is played."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from cli.client import RestClient
from cli.exits import CommandFailed
from cli.scenarios import (
    approval,
    backorder,
    cancel,
    deadline,
    declined,
    duplicate,
    happy,
    mutual_hold,
    partial,
    prices,
    ways_to_pay,
)
from cli.scenarios.check import Check
from cli.scenarios.narrator import Narrator, Silence
from cli.scenarios.stage import Stage


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story and one line about it."""

    play: Callable[[Stage], None]
    summary: str


SCENARIOS: dict[str, Scenario] = {
    "happy": Scenario(happy.play, happy.SUMMARY),
    "approval": Scenario(approval.play, approval.SUMMARY),
    "backorder": Scenario(backorder.play, backorder.SUMMARY),
    "mutual-hold": Scenario(mutual_hold.play, mutual_hold.SUMMARY),
    "declined": Scenario(declined.play, declined.SUMMARY),
    "cancel": Scenario(cancel.play, cancel.SUMMARY),
    "partial": Scenario(partial.play, partial.SUMMARY),
    "prices": Scenario(prices.play, prices.SUMMARY),
    "money": Scenario(ways_to_pay.play, ways_to_pay.SUMMARY),
    "duplicate": Scenario(duplicate.play, duplicate.SUMMARY),
    "deadline": Scenario(deadline.play, deadline.SUMMARY),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a play ended."""

    name: str
    checks: list[Check]
    order_ids: list[str]
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether everything was as expected."""
        return all(check.holds for check in self.checks)


def with_method(method: str) -> Scenario:
    """Return the scenario of one way to pay."""
    return Scenario(lambda stage: ways_to_pay.play(stage, (method,)), f"an order paid with {method}")


def perform(name: str, client: RestClient, narrator: Narrator | None = None, scenario: Scenario | None = None) -> Outcome:
    """Play one scenario to its end, that of the name or another; what stops it is one more check that fails."""
    told = narrator or Silence()
    scenario, stage, began = scenario or SCENARIOS[name], Stage(client, told), time.monotonic()
    told.begin(name, scenario.summary)
    try:
        scenario.play(stage)
    except CommandFailed as failure:
        stage.expect("played to its end", "yes", failure.what)
    outcome = Outcome(name, stage.checks, [placed.order_id for placed in stage.orders], round(time.monotonic() - began, 1))
    told.end(name, outcome.checks, outcome.seconds)
    return outcome
