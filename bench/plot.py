"""The plot of a run, plain SVG: how far each figure is on the way to its aim, with a mark where it must be at least."""

from __future__ import annotations

from html import escape

from bench.record import TIMES, Json, bound, judged, number

WIDTH, LEFT, RIGHT, ROW, TOP = 860, 330, 210, 30, 58
SPAN = 2.0  # the axis ends at twice the aim
BAR = 14
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f } .small { font-size: 11px; fill: #57606a }
.aim { fill: #2da44e } .must { fill: #bf8700 } .missed { fill: #cf222e }
.axis { stroke: #8c959f; stroke-dasharray: 3 3 } .mark { stroke: #24292f; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .small { fill: #8d96a0 } .mark { stroke: #e6edf3 } }
""".strip()


def progress(row: Json) -> float:
    """Return how far a figure is on the way to its aim: 1 is the aim, more is better, whichever way the goal improves."""
    return _towards(row, judged(row))


def _towards(row: Json, value: float) -> float:
    if row["better"] == "higher":
        return float(value / row["aim"])
    return float(row["aim"] / value) if value > 0 else SPAN


def svg(run: Json) -> str:
    """Return the picture."""
    height = TOP + ROW * len(run["figures"]) + 12
    aim = _x(1.0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Benchmarks">',
        f"<style>{STYLE}</style>",
        f'<text x="12" y="20">Benchmarks, taken {escape(run["taken"])}</text>',
        '<text x="12" y="38" class="small">bar: how far on the way to the aim; mark: what it must be</text>',
        f'<text x="{aim:.0f}" y="38" class="small" text-anchor="middle">aim</text>',
        f'<line x1="{aim:.1f}" y1="44" x2="{aim:.1f}" y2="{height - 8}" class="axis"/>',
        *(line for index, row in enumerate(run["figures"]) for line in _row(row, TOP + ROW * index)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _row(row: Json, y: int) -> list[str]:
    end, must, middle = _x(progress(row)), _x(_towards(row, row["must"])), y + BAR - 3
    unit = row["unit"] if row["ratio"] is None else TIMES
    value = f"{escape(number(judged(row)))} {escape(unit)}"
    must_be = f'<tspan class="small">must {escape(bound(row, "must"))}</tspan>'
    return [
        f'<text x="12" y="{middle}">{escape(row["goal"])} <tspan class="small">{escape(row["name"])}</tspan></text>',
        f'<rect x="{LEFT}" y="{y}" width="{end - LEFT:.1f}" height="{BAR}" rx="2" class="{row["verdict"]}"/>',
        f'<line x1="{must:.1f}" y1="{y - 3}" x2="{must:.1f}" y2="{y + BAR + 3}" class="mark"/>',
        f'<text x="{WIDTH - RIGHT + 12}" y="{middle}">{value} {must_be}</text>',
    ]


def _x(share: float) -> float:
    """Return where a share of the aim is on the axis; what is beyond its end is at its end."""
    return LEFT + (WIDTH - LEFT - RIGHT) * min(max(share, 0.0), SPAN) / SPAN
