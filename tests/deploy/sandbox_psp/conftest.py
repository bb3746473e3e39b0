"""The provider's application over a real store, with a clock the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from deploy.sandbox_psp.app import Provider, build
from deploy.sandbox_psp.store import Store

AUTHORIZED = {"Authorization": "Bearer sandbox-key"}


@dataclass(slots=True)
class MovableClock:
    """Seconds since the epoch, moved by hand."""

    seconds: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "psp")
    yield store
    store.close()


@pytest.fixture
def psp(store: Store, clock: MovableClock) -> Iterator[TestClient]:
    app = build(Provider(store, SecretStr("sandbox-key"), slow_seconds=1.5, now=clock))
    with TestClient(app, headers=AUTHORIZED) as client:
        yield client
