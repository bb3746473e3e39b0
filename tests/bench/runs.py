"""A run as `python -m bench` records it, for tests of what is made of it."""

from __future__ import annotations

from bench.figures import Check, Detail, Outcome, Pair, ratio_of, value_of
from bench.record import Json, to_json


def a_run(*, lost: int = 0, pairs: int = 5) -> Json:
    """A run with a figure of each kind; `lost` orders void it."""
    outcome = Outcome(
        figures=(ratio_of("P1", [Pair(1234.56, 4321)]), ratio_of("P6.p99", [Pair(61, 5)]), value_of("P12.relay", [54.4])),
        details=(Detail("P1", "gateway", 332.123, "µs CPU/order"),),
        checks=(Check("P1", "an order for each 201", 4500, 4500 - lost),),
    )
    return to_json(outcome, {"CPU": "2 cores"}, taken="2026-11-25T01:00Z", pairs=pairs)
