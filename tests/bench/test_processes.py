"""CPU of process trees, and programs that run for a while."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.processes import cpu_of, cpu_seconds, microseconds, program, resident_megabytes
from deploy.local import free_base

BURN = "import time\nwhile time.process_time() < 0.2: pass"


def test_what_a_child_used_counts_also_after_its_end() -> None:
    before = cpu_seconds(os.getpid())
    subprocess.run([sys.executable, "-c", BURN], check=True)
    assert cpu_seconds(os.getpid()) - before >= 0.15


def test_a_process_that_is_gone_costs_nothing() -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    assert cpu_of({"gone": done.pid}) == {"gone": 0.0}


def test_the_cost_of_one_thing_is_in_microseconds() -> None:
    assert microseconds({"gateway": 1.0}, {"gateway": 1.5}, 1000) == {"gateway": pytest.approx(500)}


def test_resident_memory_is_that_of_a_python_process() -> None:
    assert 5 < resident_megabytes(os.getpid()) < 2000


def test_a_program_is_there_when_it_listens_and_gone_afterwards(tmp_path: Path) -> None:
    port = free_base()
    with program("http.server", str(port), "--bind", "127.0.0.1", port=port, log=tmp_path / "log") as pid:
        assert Path(f"/proc/{pid}").exists()
    assert not Path(f"/proc/{pid}").exists()


def test_a_program_that_ends_early_is_told_with_its_last_words(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="No module named"),
        program("no_such_module", port=free_base(), log=tmp_path / "log"),
    ):
        pass
