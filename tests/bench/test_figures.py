"""Medians over pairs, verdicts, and what voids a run."""

from __future__ import annotations

import pytest

from bench.figures import Check, Outcome, Pair, gather, medians, quantile, ratio_of, value_of


def test_the_ratio_is_the_median_of_the_pairs_own_ratios() -> None:
    figure = ratio_of("P1", [Pair(50, 100), Pair(90, 100), Pair(300, 400)])
    assert (figure.measured, figure.floor, figure.ratio, figure.pairs) == (90, 100, 0.75, 3)


@pytest.mark.parametrize(
    ("goal", "ratio", "verdict"),
    [
        ("P1", 0.6, "aim"),
        ("P1", 0.4, "must"),
        ("P1", 0.39, "missed"),
        ("P8", 1.5, "aim"),
        ("P8", 2.5, "must"),
        ("P8", 2.6, "missed"),
    ],
)
def test_a_verdict_is_the_best_bound_kept_whichever_way_the_goal_improves(goal: str, ratio: float, verdict: str) -> None:
    assert ratio_of(goal, [Pair(ratio * 10, 10)]).verdict == verdict


def test_a_value_without_a_floor_is_judged_itself() -> None:
    figure = value_of("P12.gateway", [99, 131, 101])
    assert (figure.judged, figure.ratio, figure.verdict) == (101, None, "must")


def test_details_are_medians_by_name() -> None:
    details = medians("P1", [{"gateway": 3, "relay": 1}, {"gateway": 5, "relay": 9}, {"gateway": 4, "relay": 2}], "ms")
    assert [(detail.name, detail.value) for detail in details] == [("gateway", 4), ("relay", 2)]


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 6), (0.99, 10), (1.0, 10)])
def test_a_quantile_needs_no_order(share: float, value: int) -> None:
    assert quantile([10, 3, 1, 2, 9, 8, 7, 4, 5, 6], share) == value


def test_one_lost_order_breaks_a_check() -> None:
    assert Check("P1", "an order for each 201", 500, 500).holds
    assert not Check("P1", "an order for each 201", 500, 499).holds


def test_outcomes_are_put_together_in_the_order_of_the_goals() -> None:
    parts = [Outcome((value_of("P12.relay", [1]),)), Outcome((value_of("P12.gateway", [2]),), (), (Check("P1", "x", 1, 1),))]
    gathered = gather(parts)
    assert [figure.goal for figure in gathered.figures] == ["P12.gateway", "P12.relay"]
    assert len(gathered.checks) == 1
