"""Failpoints do nothing unless armed, fire once at the hit asked for, and refuse names and actions they do not know."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chassis import failpoints
from chassis.failpoints import FailpointCrash, FailpointError, armed, hit

ROOT = Path(__file__).parents[2]
NAME = "relay.before_mark"


def run(specification: str, code: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"ATLAS_FAILPOINTS": specification, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=30, check=False
    )


def test_an_unarmed_failpoint_does_nothing() -> None:
    for name in failpoints.NAMES:
        hit(name)


def test_an_unknown_name_is_an_error_everywhere() -> None:
    with pytest.raises(KeyError, match=r"relay\.nowhere"):
        hit("relay.nowhere")
    with pytest.raises(ValueError, match=r"relay\.nowhere"), armed("relay.nowhere", "raise"):
        pass
    ended = run("relay.nowhere=kill", "import chassis.failpoints")
    assert ended.returncode == 1
    assert "unknown failpoint 'relay.nowhere'" in ended.stderr


@pytest.mark.parametrize("action", ["", "explode", "raise:", "raise:0", "raise:-1", "raise:x", "kill:1:2", "raise*0", "raise@"])
def test_an_unknown_action_is_an_error(action: str) -> None:
    with pytest.raises(ValueError, match="an optional :N"):
        failpoints.parse(f"{NAME}={action}")


def test_raise_fires_once_and_only_at_its_own_name() -> None:
    with armed(NAME, "raise"):
        hit("command.before_commit")
        with pytest.raises(FailpointError, match=NAME):
            hit(NAME)
        hit(NAME)


def test_raise_waits_for_the_hit_asked_for() -> None:
    with armed(NAME, "raise:3"):
        hit(NAME)
        hit(NAME)
        with pytest.raises(FailpointError):
            hit(NAME)
        hit(NAME)


def fires(action: str, *hits: tuple[str, int]) -> list[bool]:
    """Which of these hits, each a key and an attempt, an armed failpoint fires at."""
    fired = []
    with armed(NAME, action):
        for key, attempt in hits:
            try:
                hit(NAME, key, attempt)
                fired.append(False)
            except FailpointError:
                fired.append(True)
    return fired


def test_raise_fires_as_often_as_asked_for() -> None:
    assert fires("raise:2*2", *[("", 0)] * 5) == [False, True, True, False, False]


def test_a_key_arms_the_hits_of_that_key_only() -> None:
    assert fires("raise*2@a", ("b", 0), ("a", 0), ("b", 0), ("a", 0), ("a", 0)) == [False, True, False, True, False]


def test_where_the_attempt_is_known_the_first_ones_fail_until_one_passes() -> None:
    assert fires("raise*2", ("", 1), ("", 1), ("", 2), ("", 3), ("", 1)) == [True, True, True, False, False]


def test_a_folder_arms_and_disarms_a_running_process(tmp_path: Path) -> None:
    program = tmp_path / "prog"
    program.mkdir()
    place = program / NAME
    code = f"""
import sys
from pathlib import Path
sys.argv = ["prog/__main__.py"]
from chassis.failpoints import FailpointError, hit
def attempt():
    try:
        hit({NAME!r})
    except FailpointError:
        return "raised"
    return "passed"
place = Path({str(place)!r})
print(attempt(), flush=True)
place.write_text("raise*9")
print(attempt(), attempt(), flush=True)
place.unlink()
print(attempt(), flush=True)
place.write_text("kill")
print(attempt(), flush=True)
"""
    ended = run(str(tmp_path), code)
    assert (ended.returncode, ended.stdout.split()) == (-signal.SIGKILL, ["passed", "raised", "raised", "passed"])
    assert [line.split()[1] for line in (program / f"{NAME}.hits").read_text().splitlines()] == ["raise", "raise", "kill"]
    assert not place.exists(), "one kill is for one process"


def test_crash_is_not_caught_as_a_failure() -> None:
    def guarded() -> None:
        try:
            hit(NAME)
        except Exception:
            pytest.fail("a crash must unwind past handlers")

    with armed(NAME, "crash"), pytest.raises(FailpointCrash):
        guarded()


def test_a_failpoint_is_disarmed_after_its_block_and_restored_when_nested() -> None:
    with armed(NAME, "raise"):
        with armed(NAME, "crash"):
            pass
        with pytest.raises(FailpointError):
            hit(NAME)
    hit(NAME)


def test_the_environment_kills_the_process_at_the_hit_asked_for() -> None:
    code = f"from chassis.failpoints import hit\nfor n in range(5): print(n, flush=True); hit({NAME!r})"
    ended = run(f" {NAME}=kill:3 , command.before_commit=raise", code)
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout.split() == ["0", "1", "2"]


def test_every_hit_in_the_code_names_a_registered_failpoint() -> None:
    packages = ("chassis", "order_svc", "inventory_svc", "billing_svc", "workflow_svc", "reporting_svc", "gateway")
    sources = [path.read_text() for package in packages for path in (ROOT / package).rglob("*.py")]
    assert set(re.findall(r"failpoints\.hit\(\"([^\"]+)\"", "".join(sources))) <= set(failpoints.NAMES)
