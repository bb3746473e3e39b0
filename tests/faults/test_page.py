"""docs/RELIABILITY.md: every promise names tests that exist, every fault has a row, and rows are merged as they come."""

from __future__ import annotations

import re

import pytest

from tests.faults.table import FAULTS, PAGE, Row, merge, rows_of

ROOT = PAGE.parents[1]
EMBEDDED, APACHE = "embedded", "apache"
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def _table(provider: str) -> dict[str, str]:
    return rows_of(
        PAGE.read_text().partition(f"<!-- faults {provider} -->")[2].partition(f"<!-- end of faults {provider} -->")[0]
    )


@pytest.mark.parametrize("provider", [EMBEDDED, APACHE])
def test_every_fault_has_a_row_for_each_broker(provider: str) -> None:
    assert list(_table(provider)) == list(FAULTS)


def test_every_promise_names_tests_that_exist() -> None:
    promises = re.split(r"^\*\*", PAGE.read_text().partition("## Promises")[2].partition("\n## ")[0], flags=re.MULTILINE)[1:]
    assert len(promises) == 8
    for promise in promises:
        named = _TEST.findall(promise)
        assert named, promise
        assert [name for path, name in named if f"def {name}(" not in (ROOT / path).read_text()] == []


def test_a_row_replaces_the_older_one_of_its_fault_and_stands_in_its_place() -> None:
    page = f"a\n<!-- faults {EMBEDDED} -->\n<!-- end of faults {EMBEDDED} -->\nb\n"
    for fault, story in (("16", "x"), ("2", "old"), ("2", "new")):
        page = merge(page, [Row(fault, story, 200, 0, 0, 0, 1.0, 0, 0, 0)], EMBEDDED)
    lines = page.splitlines()
    assert [line.split(" | ")[1] for line in lines if line.startswith(("| 2 ", "| 16 "))] == ["new", "x"]
    assert (lines[0], lines[-1]) == ("a", "b")


def test_a_page_without_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no table"):
        merge("nothing", [], EMBEDDED)
