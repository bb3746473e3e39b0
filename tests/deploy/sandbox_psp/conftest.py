"""The provider's application over a real store, with a clock the test moves, and calls that hang without taking time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from deploy.sandbox_psp.app import Provider, build
from deploy.sandbox_psp.store import Store
from tests.deploy.sandbox_psp.merchant import AUTHORIZED, MovableClock, Pauses


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "psp", keeps_webhooks=True)
    yield store
    store.close()


@pytest.fixture
def psp(store: Store, clock: MovableClock, pauses: Pauses) -> Iterator[TestClient]:
    app = build(Provider(store, SecretStr("sandbox-key"), slow_seconds=1.5, now=clock, pause=pauses))
    with TestClient(app, headers=AUTHORIZED) as client:
        yield client
