"""A crash at every failpoint, in the middle of two orders' lives: the service starts again, and everything ends right."""

from __future__ import annotations

import pytest

from chassis import failpoints
from tests.saga import people
from tests.saga.databases import Databases
from tests.saga.faults import POINTS, Fault, Faults, no_fault
from tests.saga.scene import Scene, staged

CASES = [(kind, point) for kind, points in POINTS.items() for point in points]


def _once(scene: Scene, kind: str, point: str) -> Faults:
    """The fault in every step of its kind, until somebody has died of it."""

    def draw(step: str) -> Fault | None:
        return Fault(point, "crash:1") if step == kind and not scene.services.dead else None

    return draw


@pytest.mark.parametrize(("kind", "point"), CASES)
@pytest.mark.parametrize("phase", ["placing", "ending"])
def test_a_crash_at_a_failpoint_loses_and_repeats_nothing(databases: Databases, kind: str, point: str, phase: str) -> None:
    with staged(databases, f"{kind}-{point}-{phase}", None) as scene:
        scene.item(stock=5)
        scene.faults = _once(scene, kind, point) if phase == "placing" else no_fault
        shipped, cancelled = scene.place(2), scene.place(2)
        assert [scene.shows(order)[0] for order in (shipped, cancelled)] == ["CONFIRMED", "CONFIRMED"]
        scene.faults = _once(scene, kind, point)
        scene.do(people.ship(shipped), people.CLERK)
        scene.do(people.cancel(cancelled), people.BUYER)
        assert len(scene.services.dead) == 1, f"nobody has passed {point}"
        assert scene.shows(shipped)[0] == "FULFILLED"
        assert scene.shows(cancelled)[-1] == "SETTLED"
        assert scene.stock() == (3, 0)
        assert scene.of(cancelled).balances == {}


def test_every_failpoint_is_crashed_at() -> None:
    assert {point for points in POINTS.values() for point in points} == set(failpoints.NAMES)
