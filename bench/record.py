"""bench.json: a whole run in a form that the page, the plot and later runs read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bench.figures import Figure, Outcome
from bench.goals import TARGETS

Json = dict[str, Any]
DIGITS = 4
TIMES = "\N{MULTIPLICATION SIGN}"


def to_json(outcome: Outcome, machine: Mapping[str, str], *, taken: str, pairs: int) -> Json:
    """Write a run down; numbers with four digits, since no measurement is better than that."""
    return {
        "taken": taken,
        "pairs": pairs,
        "machine": dict(machine),
        "figures": [_figure(figure) for figure in outcome.figures],
        "details": [asdict(detail) | {"value": rounded(detail.value)} for detail in outcome.details],
        "checks": [asdict(check) for check in outcome.checks],
    }


def dump(run: Json) -> str:
    """Return the text of the file."""
    return json.dumps(run, indent=2, ensure_ascii=False) + "\n"


def _figure(figure: Figure) -> Json:
    target = TARGETS[figure.goal]
    return {
        "goal": figure.goal,
        "name": target.name,
        "unit": target.unit,
        "measured": rounded(figure.measured),
        "floor": None if figure.floor is None else rounded(figure.floor),
        "floor_is": target.floor,
        "ratio": None if figure.ratio is None else rounded(figure.ratio),
        "must": target.must,
        "aim": target.aim,
        "better": target.better.value,
        "verdict": figure.verdict,
    }


def rounded(value: float) -> float:
    """Return a number with four digits."""
    return float(f"{value:.{DIGITS}g}")


def number(value: float | None) -> str:
    """Return a number as people read it; nothing for none."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def judged(row: Json) -> float:
    """Return what the bounds are about: the ratio, or the value where there is no floor."""
    value: float = row["measured"] if row["ratio"] is None else row["ratio"]
    return value


def bound(row: Json, name: str) -> str:
    """Return a bound with the direction it binds in, such as ≥ 0.4."""
    sign = "≥" if row["better"] == "higher" else "≤"
    return f"{sign} {row[name]:g}{TIMES if row['ratio'] is not None else ''}"
