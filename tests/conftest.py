"""What every test gets: the fixtures of tests/infra.py and tests/stack.py, and uvloop as in production."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping

import pytest
import uvloop

pytest_plugins = ["tests.infra", "tests.stack", "tests.scheduling"]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Callable[[], AbstractEventLoop]]:
    """Run every async test on uvloop."""
    return {"uvloop": uvloop.new_event_loop}
