"""The provider as a process of its own, on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

HEADERS = {"Authorization": "Bearer canary-key"}
START_SECONDS = 30.0
SECRETS = "whsec_Y2FuYXJ5LW9uZS1jYW5hcnktb25l,whsec_Y2FuYXJ5LXR3by1jYW5hcnktdHdv"
ENVIRONMENT = os.environ | {"ATLAS_PSP_KEY": "canary-key", "ATLAS_PSP_WEBHOOK_SECRETS": SECRETS}


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(home: Path, port: int, *options: str) -> list[str]:
    """How it is started: with short delays, and warnings that end it."""
    place = ["--port", str(port), "--home", str(home), "--slow-seconds", "0.2"]
    return [sys.executable, "-W", "error", "-m", "deploy.sandbox_psp", *place, *options]


@contextmanager
def running(home: Path, log: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], httpx2.Client]]:
    """The process and a client of it, ready to serve; it is killed at the end of the block."""
    port = free_port()
    with log.open("ab") as out:
        process = subprocess.Popen(command(home, port, *options), stdout=out, stderr=out, env=ENVIRONMENT)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=HEADERS, trust_env=False, timeout=20) as client:
            _await_live(process, client)
            yield process, client
    finally:
        process.kill()
        process.wait()


def _await_live(process: subprocess.Popen[bytes], client: httpx2.Client) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            client.get("/livez").raise_for_status()
            return
        except httpx2.TransportError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
