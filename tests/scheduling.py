"""Which xdist worker runs what: all tests of the stack in one worker, one after the other; of the rest, each file in one.

Some tests of the stack kill its processes, so no two may run at once; fixtures of a file are made once, not in every worker.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

STACK = "stack"
SLOW = ("tests/saga/", "tests/brokers/", "tests/deploy/", "tests/chassis/test_process.py", "tests/chassis/test_kafka")
"""What takes long without the stack; it begins early, so that no worker has it alone at the end."""
MARK = "pytest.mark.stack"


class ByStackAndFile(LoadScopeScheduling):
    """Groups tests by the mark `stack` and by file."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        self._group = cache(lambda path: group_of(config.rootpath / path, path))

    def _split_scope(self, nodeid: str) -> str:
        return self._group(nodeid.partition("::")[0])


def group_of(path: Path, name: str) -> str:
    """The group of a test file; the process that hands out tests has not imported it, so its text says what it is."""
    return STACK if MARK in path.read_text() else name


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """One worker more than cores for `-n auto`: that of the stack waits most of the time. `-n logical` stays as it is."""
    return (os.cpu_count() or 1) + 1 if config.option.numprocesses == "auto" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let the stack begin, then what takes long; otherwise as they are. Groups are handed out in the order of their tests."""
    ranks = {path: _rank(path, path.relative_to(config.rootpath).as_posix()) for path in {item.path for item in items}}
    items.sort(key=lambda item: ranks[item.path])


def _rank(path: Path, name: str) -> int:
    if group_of(path, name) == STACK:
        return 0
    return 1 if name.startswith(SLOW) else 2


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByStackAndFile | None:
    """Take over from plain load balancing; other modes that are asked for stay."""
    return ByStackAndFile(config, log) if config.getvalue("dist") == "load" else None
