"""What a run found: figures (medians over interleaved pairs), details beside them, and the checks that void it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.goals import TARGETS


@dataclass(frozen=True, slots=True)
class Pair:
    """One interleaved pair: what was measured, and its floor a moment later."""

    measured: float
    floor: float

    @property
    def ratio(self) -> float:
        """Measured over floor."""
        return self.measured / self.floor


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table. `floor` and `ratio` are empty for what has no floor; `pairs` is how many it is the median of."""

    goal: str
    measured: float
    floor: float | None
    ratio: float | None
    pairs: int

    @property
    def judged(self) -> float:
        """What the bounds are about: the ratio, or the value where there is no floor."""
        return self.measured if self.ratio is None else self.ratio

    @property
    def verdict(self) -> str:
        """`aim` or `must`, the best bound that is kept, or `missed`."""
        target = TARGETS[self.goal]
        kept = [name for name in ("aim", "must") if target.keeps(self.judged, getattr(target, name))]
        return kept[0] if kept else "missed"


@dataclass(frozen=True, slots=True)
class Detail:
    """A number that explains a figure, such as where the CPU of an order goes."""

    goal: str
    name: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Check:
    """A promise that a run has to keep; one that does not makes the whole run void."""

    goal: str
    statement: str
    expected: int
    seen: int

    @property
    def holds(self) -> bool:
        """Whether it was kept."""
        return self.expected == self.seen


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that one goal's run found."""

    figures: tuple[Figure, ...] = ()
    details: tuple[Detail, ...] = ()
    checks: tuple[Check, ...] = ()


def ratio_of(goal: str, pairs: Sequence[Pair]) -> Figure:
    """Return the medians of the pairs; the ratio is the median of the pairs' ratios."""
    return Figure(
        goal=goal,
        measured=statistics.median(pair.measured for pair in pairs),
        floor=statistics.median(pair.floor for pair in pairs),
        ratio=statistics.median(pair.ratio for pair in pairs),
        pairs=len(pairs),
    )


def value_of(goal: str, values: Sequence[float]) -> Figure:
    """Return the median of values that have no floor."""
    return Figure(goal, statistics.median(values), None, None, len(values))


def medians(goal: str, rows: Sequence[dict[str, float]], unit: str) -> tuple[Detail, ...]:
    """Return the median of each named number over the runs, in the order of the names."""
    return tuple(Detail(goal, name, statistics.median(row[name] for row in rows), unit) for name in rows[0])


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the values stay."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def gather(outcomes: Sequence[Outcome]) -> Outcome:
    """Put the goals' outcomes together: the figures in the order of the goals, all else as it came."""
    order = list(TARGETS)
    figures = [figure for outcome in outcomes for figure in outcome.figures]
    return Outcome(
        figures=tuple(sorted(figures, key=lambda figure: order.index(figure.goal))),
        details=tuple(detail for outcome in outcomes for detail in outcome.details),
        checks=tuple(check for outcome in outcomes for check in outcome.checks),
    )
