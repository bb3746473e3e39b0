"""docs/grpc-cheatsheet.md: it has every RPC, and everything on it is run from top to bottom and answers OK."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from gateway.services import SERVICES
from tests.docs import session
from tests.docs.pages import page
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

PAGE = page("docs/grpc-cheatsheet.md")
RPCS = sorted(f"{method.containing_service.full_name}/{method.name}" for it in SERVICES for method in it.descriptor.methods)
needs_grpcurl = pytest.mark.skipif(shutil.which("grpcurl") is None, reason="grpcurl is not installed")


@pytest.fixture
def without_dead_letters(stack: Stack) -> Iterator[None]:
    """Other tests of the run expect that no service has a dead letter; the page leaves a discarded one."""
    yield
    with psycopg.connect(stack.addresses.postgres["billing_svc"], autocommit=True) as database:
        database.execute("DELETE FROM dead_letter WHERE stream_key LIKE 'BROKEN-%'")
        assert database.execute("SELECT count(*) FROM parked_event").fetchone() == (0,)


@pytest.mark.usefixtures("without_dead_letters")
def test_every_line_runs_in_the_order_of_the_page(stack: Stack) -> None:
    """A call that is refused ends the shell; so does an answer that lacks the id the page takes from it."""
    steps = session.run(PAGE, stack.home)
    assert len(steps) > len(RPCS)


def test_every_rpc_is_there_under_its_name() -> None:
    called = {name for block in PAGE.blocks("sh") for name in re.findall(r"/(atlas\.[\w.]+/\w+)\"", block.text)}
    assert sorted(called) == RPCS
    headings = re.findall(r"^### (\w+)$", PAGE.text, re.MULTILINE)
    assert sorted(headings) == sorted(name.partition("/")[2] for name in RPCS)


@needs_grpcurl
def test_the_lines_with_grpcurl_run(stack: Stack) -> None:
    token = PAGE.blocks("sh")[0].text
    lines = "\n".join(block.text for block in PAGE.blocks("bash") if block.text.startswith("grpcurl"))
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{token}\n{lines}"],
        check=False,
        capture_output=True,
        text=True,
        env=session.environment(stack.home),
        timeout=session.SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert "rpc PlaceOrder" in done.stdout
