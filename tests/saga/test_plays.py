"""Two dozen plays, each under its own seed; a thousand in the full run. A failure prints the seed that plays it again.

ATLAS_L0_SEED=17 plays seed 17 alone; ATLAS_L0_SEEDS=1000 says how many the full run plays.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.saga import invariants
from tests.saga.databases import Databases
from tests.saga.play import Play

QUICK = 24
ALL = int(os.environ.get("ATLAS_L0_SEEDS", "1000"))
ONLY = os.environ.get("ATLAS_L0_SEED")
SEEDS = [int(ONLY)] if ONLY else list(range(QUICK))
MORE = [] if ONLY else list(range(QUICK, ALL))
TOLD_LINES = 400


def _play(databases: Databases, seed: int, label: str = "") -> Play:
    """Play a seed and check it; where something is wrong, tell the whole story."""
    play = Play(databases.take(), seed, label)
    with capture_logs() as logged:
        try:
            play.run()
            found = invariants.violations(play.services, play.customers, play.postman)
        except BaseException:
            databases.spoil()
            _tell(play, seed, logged)
            raise
        finally:
            play.services.close()
    if found:
        databases.spoil()
        _tell(play, seed, logged)
    assert found == [], f"seed {seed}"
    return play


def _tell(play: Play, seed: int, logged: Sequence[Mapping[str, Any]]) -> None:
    print(*play.story[-TOLD_LINES:], sep="\n")
    for entry in logged:
        if entry["log_level"] == "error":
            print({name: repr(value) for name, value in entry.items()})
    print(f"play it again: ATLAS_L0_SEED={seed} pytest tests/saga/test_plays.py -k everything")


@pytest.mark.parametrize("seed", SEEDS)
def test_everything_ends_right_under_a_seed(databases: Databases, seed: int) -> None:
    _play(databases, seed)


@pytest.mark.full
@pytest.mark.parametrize("seed", MORE)
def test_everything_ends_right_under_many_seeds(databases: Databases, seed: int) -> None:
    _play(databases, seed)


def test_the_same_seed_is_the_same_play(databases: Databases) -> None:
    databases.spoil()  # what a play before left in them is written over, and a write may be the one at which somebody dies
    first, second = Play(databases.take(), 4_711, "same"), None
    try:
        first.run()
        databases.spoil()
        second = Play(databases.take(), 4_711, "same")
        second.run()
    finally:
        first.services.close()
        if second is not None:
            second.services.close()
        databases.spoil()
    assert first.story == second.story
