"""The sandbox payment provider behind a real socket, with his own memory at hand."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from pydantic import SecretStr

from deploy.sandbox_psp.app import Provider, build
from deploy.sandbox_psp.store import Store

KEY = SecretStr("a-key-of-this-test")


@dataclass
class Sandbox:
    """The provider, on a clock that stands still; `home` has his SQLite file."""

    url: str
    home: Path
    seconds: float = 1_000_000.0

    def tamper(self, statement: str, *values: Any) -> None:
        """Change what he knows behind his back."""
        with closing(sqlite3.connect(self.home / "psp.sqlite3", isolation_level=None)) as database:
            changed = database.execute(statement, values).rowcount
        assert changed, "nothing was changed"

    def change(self, table: str, key: str, column: str, value: Any) -> None:
        """Change one value of an intent or a refund."""
        self.tamper(f"UPDATE {table} SET {column} = ? WHERE key = ?", value, key)  # noqa: S608 - names that the test writes


@contextmanager
def a_sandbox(home: Path) -> Iterator[Sandbox]:
    """Run the provider on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = Sandbox(f"http://127.0.0.1:{listener.getsockname()[1]}", home)
        with closing(Store(home)) as store, _serving(listener, build(Provider(store, KEY, 1.5, lambda: running.seconds))):
            yield running


@contextmanager
def _serving(listener: socket.socket, app: Any) -> Iterator[None]:
    config = uvicorn.Config(app, http="httptools", loop="asyncio", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)
