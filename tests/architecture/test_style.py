"""The rules of style that a machine can check: sizes, docstrings, names, and calls that have one place."""

from __future__ import annotations

import ast

import pytest

from chassis import failpoints
from tests.architecture.source import PACKAGES, ROOT, SERVICES, Source, calls, functions, imports, sources

MAX_LINES, MAX_FUNCTION_LINES = 300, 40
LONGEST_POLL_SECONDS = 0.1
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}

CONTRACT_FILES = {"wire.py", "rpc.py", "queries.py", "commands.py", "reactions.py", "app.py"}
"""The files of a service that may name generated messages; all others, the domain first of all, see values only."""
CONTRACT_EXTRAS = {
    "order_svc/waiting.py",
    "order_svc/resources.py",
    "inventory_svc/ledger_queries.py",
    "inventory_svc/ledger_resources.py",
    "inventory_svc/queue_commands.py",
    "inventory_svc/queue_queries.py",
    "order_svc/price_wire.py",
    "billing_svc/ledger_queries.py",
    "billing_svc/resources.py",
    "billing_svc/documents.py",
    "billing_svc/command_wire.py",
    "billing_svc/webhooks.py",
    "billing_svc/webhook_wire.py",
    "billing_svc/reconciling.py",
    "reporting_svc/summaries.py",
}

EVERYTHING = (*PACKAGES, "tests")


def test_no_file_is_longer_than_300_lines() -> None:
    sizes = {str(source): sum(1 for line in source.text.splitlines() if line.strip()) for source in sources(*EVERYTHING)}
    assert {path: size for path, size in sizes.items() if size > MAX_LINES} == {}


def test_no_function_is_longer_than_40_lines() -> None:
    long = [
        f"{source}:{function.lineno} {function.name} has {_length(function)} lines"
        for source in sources(*EVERYTHING)
        for function in functions(source)
        if _length(function) > MAX_FUNCTION_LINES
    ]
    assert long == []


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


def test_every_module_says_what_it_is_for() -> None:
    assert [str(source) for source in sources(*EVERYTHING) if not ast.get_docstring(source.tree)] == []


def test_no_module_has_a_vague_name() -> None:
    assert [str(source) for source in sources(*EVERYTHING) if source.path.stem in VAGUE_NAMES] == []


def test_only_the_verifier_decodes_tokens() -> None:
    users = {
        str(source)
        for source in sources(*PACKAGES)
        if any(name.endswith("jwt.decode") for name, _ in calls(source)) or "jose.jwt.decode" in imports(source)
    }
    assert users <= {"chassis/auth.py", "bench/textbook/tokens.py"}  # the reference of P2 does it as the documentation shows


@pytest.mark.parametrize("service", SERVICES)
def test_generated_messages_are_seen_at_the_edge_of_a_service_only(service: str) -> None:
    users = {str(source) for source in sources(service) if any(name.partition(".")[0] == "atlas" for name in imports(source))}
    allowed = {f"{service}/{name}" for name in CONTRACT_FILES} | CONTRACT_EXTRAS
    assert users <= allowed


def test_tests_poll_and_never_sleep_for_a_fixed_time() -> None:
    timed = [source for source in sources("tests") if str(source) != "tests/faults/rhythm.py"]
    assert [f"{source}:{call.lineno}" for source in timed for call in _fixed_sleeps(source)] == []


def _fixed_sleeps(source: Source) -> list[ast.Call]:
    loops = [node for node in ast.walk(source.tree) if isinstance(node, ast.While | ast.For | ast.AsyncFor)]
    polls = {id(node) for loop in loops for node in ast.walk(loop)}
    sleeps = [call for name, call in calls(source) if name in ("time.sleep", "sleep", "asyncio.sleep")]
    return [call for call in sleeps if id(call) not in polls or not _is_short(call)]


def _is_short(call: ast.Call) -> bool:
    seconds = call.args[0] if call.args else None
    return (
        isinstance(seconds, ast.Constant) and isinstance(seconds.value, int | float) and seconds.value <= LONGEST_POLL_SECONDS
    )


def test_every_failpoint_is_hit_and_every_hit_is_registered() -> None:
    hits = {
        call.args[0].value
        for source in sources(*PACKAGES)
        for name, call in calls(source)
        if name == "failpoints.hit" and isinstance(call.args[0], ast.Constant)
    }
    assert hits == set(failpoints.NAMES)


def test_the_sources_are_really_read() -> None:
    assert ROOT / "chassis" / "world.py" in {ROOT / source.path for source in sources("chassis")}
    assert len(sources(*EVERYTHING)) > 100
