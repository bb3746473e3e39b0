"""The record, the table, the plot and the page say the same, also those that are committed."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from bench import pages, plot, record, table
from bench.goals import TARGETS
from tests.bench.runs import a_run

COMMITTED = pages.DOCS / pages.FOLDER / "bench.json"


def test_numbers_keep_four_digits_and_read_well() -> None:
    figure = a_run()["figures"][0]
    assert (figure["measured"], figure["ratio"]) == (1235, 0.2857)
    assert [record.number(value) for value in (1234.5, 99.94, 0.2857, None)] == ["1,234", "99.9", "0.286", ""]


def test_a_bound_says_its_direction_and_whether_it_is_a_ratio() -> None:
    bounds = [record.bound(row, "must") for row in a_run()["figures"]]
    assert bounds == ["≥ 0.4\N{MULTIPLICATION SIGN}", "≤ 12\N{MULTIPLICATION SIGN}", "≤ 70"]


def test_the_table_has_a_row_for_each_figure_with_its_verdict() -> None:
    assert [(cells[0], cells[-1]) for cells in table.rows(a_run())] == [
        ("P1", "missed"),
        ("P6.p99", "missed"),
        ("P12.relay", "aim"),
    ]


def test_the_plot_has_a_bar_for_each_figure_within_the_picture() -> None:
    picture = ElementTree.fromstring(plot.svg(a_run()))  # noqa: S314 - our own text
    bars = picture.findall("{http://www.w3.org/2000/svg}rect")
    assert [bar.get("class") for bar in bars] == ["missed", "missed", "aim"]
    assert all(0 < float(bar.get("width", "0")) <= plot.WIDTH - plot.LEFT - plot.RIGHT for bar in bars)


@pytest.mark.parametrize(("goal", "better"), [(0, False), (1, False), (2, True)])
def test_a_bar_reaches_the_aim_only_when_the_figure_does(goal: int, better: bool) -> None:
    assert (plot.progress(a_run()["figures"][goal]) >= 1) is better


def test_writing_twice_changes_nothing_and_keeps_the_prose(tmp_path: Path) -> None:
    page = tmp_path / pages.PAGE
    page.write_text(f"Before.\n{pages.BEGIN}An earlier run.\n{pages.END}After.\n")
    pages.write(a_run(), tmp_path)
    first = page.read_text()
    pages.write(json.loads((tmp_path / pages.FOLDER / "bench.json").read_text()), tmp_path)
    assert page.read_text() == first
    assert first.startswith("Before.\n")
    assert first.endswith("After.\n")
    assert "An earlier run" not in first


def test_a_page_without_a_place_for_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="markers"):
        pages.with_table("no markers", a_run())


def test_the_committed_page_and_plot_are_those_of_the_committed_record() -> None:
    run = json.loads(COMMITTED.read_text())
    page = (pages.DOCS / pages.PAGE).read_text()
    assert pages.with_table(page, run) == page
    assert COMMITTED.with_suffix(".svg").read_text() == plot.svg(run)


def test_the_committed_run_has_the_bounds_of_its_goals_and_lost_nothing() -> None:
    run = json.loads(COMMITTED.read_text())
    bounds = {row["goal"]: (row["must"], row["aim"]) for row in run["figures"]}
    assert bounds.items() <= {goal: (target.must, target.aim) for goal, target in TARGETS.items()}.items()
    assert [check for check in run["checks"] if check["expected"] != check["seen"]] == []


def test_a_goal_that_the_committed_run_lacks_has_its_figures_in_the_text() -> None:
    run = json.loads(COMMITTED.read_text())
    lacking = set(TARGETS) - {row["goal"] for row in run["figures"]}
    _before, _table, after = (pages.DOCS / pages.PAGE).read_text().partition(pages.END)
    assert [goal for goal in sorted(lacking) if f"| {goal} |" not in after] == []
