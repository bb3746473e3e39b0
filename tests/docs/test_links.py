"""Every Markdown page: its links lead somewhere, its decisions are in one form, and nothing in it is of one machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Page, all_pages

DECISIONS = [page for page in all_pages() if page.path.parent == ROOT / "docs" / "adr"]
SECTIONS = ["Context", "Options", "Outcome", "Consequences", "Confirmed by"]
MAX_DECISION_LINES = 60
_TEST_PATH = re.compile(r"\btests/[\w/]*\w(?:\.py)?")


@pytest.mark.parametrize("page", all_pages(), ids=str)
def test_links_lead_to_something(page: Page) -> None:
    assert [link for link in page.links() if not _exists(page, link)] == []


def _exists(page: Page, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (page.path.parent / name).resolve() if name else page.path
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not anchor or anchor in Page(target).anchors()


@pytest.mark.parametrize("page", all_pages(), ids=str)
def test_paths_of_the_repository_exist(page: Page) -> None:
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    named = {span.rstrip("/") for span in page.spans() if span.partition("/")[0] in folders and re.fullmatch(r"[\w./-]+", span)}
    assert [span for span in sorted(named) if not (ROOT / span).exists()] == []


@pytest.mark.parametrize("page", DECISIONS, ids=str)
def test_a_decision_is_one_page_in_the_same_form(page: Page) -> None:
    lines = page.text.splitlines()
    assert len(lines) <= MAX_DECISION_LINES
    assert re.fullmatch(r"# [0-9]{4} .+", lines[0])
    assert lines[0][2:6] == page.path.name[:4]
    assert "Status: accepted" in lines
    assert re.findall(r"^## (.+)$", page.text, re.MULTILINE) == SECTIONS


@pytest.mark.parametrize("page", DECISIONS, ids=str)
def test_a_decision_names_tests_that_exist(page: Page) -> None:
    named = set(_TEST_PATH.findall(page.text.partition("## Confirmed by")[2]))
    assert named
    assert [path for path in sorted(named) if not _has_tests(ROOT / path)] == []


def _has_tests(path: Path) -> bool:
    return path.is_file() if path.suffix else path.is_dir() and any(path.rglob("test_*.py"))


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [page.path.name[:4] for page in DECISIONS] == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]


@pytest.mark.parametrize("page", all_pages(), ids=str)
def test_no_absolute_path_of_one_machine(page: Page) -> None:
    assert re.findall(r"(?<![\w.$])/(?:home|root|work|Users)/\S*", page.text) == []
