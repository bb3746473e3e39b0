"""docs/demos: every command in them is run, and what they show is what comes."""

from __future__ import annotations

import pytest

from tests.docs import session
from tests.docs.answers import differences, differing_lines
from tests.docs.pages import page
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

DEMOS = (
    *("order-saga-happy-path", "order-saga-failure-paths", "idempotency-demo"),
    *("partial", "mutual-hold", "prices", "deadline"),
)


@pytest.mark.parametrize("name", DEMOS)
def test_demo_runs_as_shown(name: str, stack: Stack) -> None:
    for step in session.run(page(f"docs/demos/{name}.md"), stack.home):
        texts = [block for block in step.documented if block.language == "text"]
        answers = [block for block in step.documented if block.language == "http"]
        assert len(step.answers) == len(answers), f"line {step.block.line}: {step.output}"
        for shown, came in zip(answers, step.answers, strict=True):
            assert differences(shown.text, came) == [], f"line {shown.line}: {came}"
        for shown in texts:
            assert differing_lines(shown.text, step.output) == [], f"line {shown.line}: {step.output}"
