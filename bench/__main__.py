"""python -m bench [--only P1,P5] [--pairs N]: measures on stacks of its own and prints the table.

A run of all goals with at least five pairs is written to docs/. A run that lost, doubled or unbalanced anything is void:
nothing is written, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from rich.console import Console

from bench import (
    accept,
    drain,
    footprint,
    gateway_cost,
    hot_row,
    journals,
    latency,
    lists,
    machine,
    numbering,
    pages,
    receipt,
    reference,
    saga,
    table,
    trial_balance,
    verify,
)
from bench.figures import Outcome, gather
from bench.record import Json, to_json
from chassis import telemetry
from deploy.local import StackError
from deploy.local.real.distribution import find_kafka

RUNS: Mapping[str, Callable[[int], Outcome]] = MappingProxyType(
    {
        "P1": accept.run,
        "P2": reference.run,
        "P3": saga.run,
        "P5": drain.run,
        "P6": latency.run,
        "P8": gateway_cost.run,
        "P12": footprint.run,
        "S1": hot_row.run,
        "S2": receipt.run,
        "S3": lists.run,
        "B1": journals.run,
        "B2": verify.run,
        "B3": trial_balance.run,
        "B4": numbering.run,
    }
)
ON_KAFKA = frozenset({"P5", "P6", "P12"})
ENOUGH_PAIRS = 5
VOID, UNABLE = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the goals that the command line names; return the exit code."""
    options = _parser().parse_args(arguments)
    goals = _named(options.only)
    telemetry.configure_logging("bench", "WARNING")
    try:
        if not ON_KAFKA.isdisjoint(goals):
            find_kafka()
        outcome = gather([_announced(goal, options.pairs) for goal in goals])
        is_whole = len(goals) == len(RUNS)
        run = to_json(outcome, machine.describe() if is_whole else {}, taken=_now(), pairs=options.pairs)
    except StackError as error:
        print(f"bench: {error.what}\nnext:  {error.remedy}", file=sys.stderr)
        return UNABLE
    Console(width=140).print(table.for_terminal(run))
    return conclude(run, pages.DOCS if is_whole else None)


def conclude(run: Json, docs: Path | None) -> int:
    """Say whether a run counts, and write it to `docs` if it has enough pairs; return the exit code."""
    broken = [check for check in run["checks"] if check["expected"] != check["seen"]]
    if broken:
        print(f"bench: the run is void: {len(broken)} of {len(run['checks'])} checks are broken", file=sys.stderr)
        return VOID
    if docs is None or run["pairs"] < ENOUGH_PAIRS:
        print(f"bench: not written: only a run of all goals with {ENOUGH_PAIRS} pairs or more is", file=sys.stderr)
    else:
        pages.write(run, docs)
        print(f"bench: written to {docs}", file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench", description="Measure Atlas beside its floors.")
    parser.add_argument("--only", default="", metavar="P1,P5", help=f"some goals instead of all: {', '.join(RUNS)}")
    parser.add_argument("--pairs", type=int, default=ENOUGH_PAIRS, help="interleaved pairs of measured and floor")
    return parser


def _named(only: str) -> list[str]:
    named = [name.strip() for name in only.split(",") if name.strip()] or list(RUNS)
    if unknown := [name for name in named if name not in RUNS]:
        raise SystemExit(f"bench: there is no goal {unknown[0]}; choose from {', '.join(RUNS)}")
    return [name for name in RUNS if name in named]


def _announced(goal: str, pairs: int) -> Outcome:
    """Run one goal, saying so."""
    print(f"bench: {goal} … ", end="", file=sys.stderr, flush=True)
    started = time.monotonic()
    outcome = RUNS[goal](pairs)
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return outcome


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="minutes").replace("+00:00", "Z")


if __name__ == "__main__":
    sys.exit(main())
