"""The dev issuer as a process of its own, for tests that speak to it over a socket."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

COMMAND = (sys.executable, "-m", "deploy.dev_issuer")
REALM_FILE = Path("deploy/keycloak/atlas-erp-realm.json")
START_SECONDS = 20


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running_issuer(home: Path) -> Iterator[str]:
    """The issuer's URL, ready to serve; it ends with the block."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}/realms/atlas-erp"
    process = subprocess.Popen([*COMMAND, "--realm", str(REALM_FILE), "--port", str(port), "--home", str(home)])
    try:
        _await_discovery(issuer, process)
        yield issuer
    finally:
        process.terminate()
        process.wait(10)


def _await_discovery(issuer: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            httpx2.get(f"{issuer}/.well-known/openid-configuration", trust_env=False).raise_for_status()
            return
        except httpx2.TransportError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
