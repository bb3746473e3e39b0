"""Records delivered again: each up to five times (fault 16), all groups rewound (18), members that come and go (19)."""

from __future__ import annotations

import random

import pytest

from tests.faults.conftest import Try
from tests.faults.duty import Operator
from tests.faults.meddler import copied, storm
from tests.faults.topics import marks

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]

STORM_SECONDS = 8.0
SEED = "copies"


def test_every_record_up_to_five_times_has_its_effect_once(trial: Try) -> None:
    print(f"seed {SEED!r}")
    with trial(seconds=8) as it, copied(it.ground, it.load.marks, random.Random(SEED)) as copies:
        it.load.until_placed(it.load.total)
        it.end()
        it.load.settle()
        it.tell("16", f"{copies[-1]} copies were written behind the records")
        assert copies[-1] > it.load.total


def test_reading_everything_again_while_members_come_and_go_changes_nothing(trial: Try) -> None:
    with trial(seconds=8) as it:
        it.load.until_placed(60)
        held = sum(marks(it.ground).ends.values())
        Operator(it.ground).rewind()
        it.tell("18", f"five groups read up to {held} records again")
        times = storm(it.ground, STORM_SECONDS)
        it.tell("19", f"{times} members joined and left within {STORM_SECONDS:.0f} s")
