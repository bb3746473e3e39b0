"""docs/api/README.md: every call in it is made, and what it shows is what comes."""

from __future__ import annotations

import re

import pytest

from chassis.contracts import error_options
from chassis.rest.problem import reasons
from tests.docs import session
from tests.docs.answers import differences
from tests.docs.pages import page
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

PAGE = page("docs/api/README.md")


def test_every_call_answers_as_shown(stack: Stack) -> None:
    for step in session.run(PAGE, stack.home):
        assert len(step.answers) == len(step.documented), f"line {step.block.line}: {step.output}"
        for shown, came in zip(step.documented, step.answers, strict=True):
            assert differences(shown.text, came) == [], f"line {shown.line}: {came}"


def test_the_table_of_errors_has_every_code_with_its_status() -> None:
    rows = [line.split("|")[1:3] for line in PAGE.prose.splitlines() if line.startswith("| ") and line[2:5].isdigit()]
    shown = {code: statuses for statuses, codes in rows for code in re.findall(r"`([A-Z_]+)`", codes)}
    assert set(shown) == set(reasons())
    assert [code for code in shown if str(error_options(code).http_status) not in shown[code]] == []
