"""The provider as a process: what it acknowledged is there after kill -9; how it starts, stops and refuses to start."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

HEADERS = {"Authorization": "Bearer canary-key"}
BODY = {"minor_units": 100, "currency_code": "EUR", "payment_method": "pm_ok", "reference": "order-1"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(home: Path, port: int) -> list[str]:
    options = ["--port", str(port), "--home", str(home), "--slow-seconds", "0.2"]
    return [sys.executable, "-W", "error", "-m", "deploy.sandbox_psp", *options]


@contextmanager
def running(home: Path, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], httpx2.Client]]:
    port = free_port()
    with log.open("ab") as out:
        process = subprocess.Popen(
            command(home, port), stdout=out, stderr=out, env=os.environ | {"ATLAS_PSP_KEY": "canary-key"}
        )
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=HEADERS) as client:
            await_live(process, client)
            yield process, client
    finally:
        process.kill()
        process.wait()


def await_live(process: subprocess.Popen[bytes], client: httpx2.Client) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            client.get("/livez").raise_for_status()
            return
        except httpx2.TransportError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)


def charge(client: httpx2.Client, key: str, **changes: Any) -> httpx2.Response:
    return client.post("/v1/payment_intents", headers={"Idempotency-Key": key}, json=BODY | changes)


def give_back(client: httpx2.Client, key: str, intent_key: str, minor_units: int) -> httpx2.Response:
    body = {"intent_key": intent_key, "minor_units": minor_units}
    return client.post("/v1/refunds", headers={"Idempotency-Key": key}, json=body)


def test_charges_acknowledged_under_load_survive_kill_9(tmp_path: Path) -> None:
    acknowledged: dict[str, Any] = {}
    enough = threading.Event()

    def charge_until_dead(client: httpx2.Client, worker: int) -> None:
        for n in range(10_000):
            key = f"attempt-{worker}-{n}"
            try:
                acknowledged[key] = charge(client, key).json()
            except httpx2.TransportError:
                return
            if len(acknowledged) >= 50:
                enough.set()

    with running(tmp_path / "psp", tmp_path / "log") as (process, client), ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(charge_until_dead, client, worker) for worker in range(4)]
        assert enough.wait(30)
        process.kill()
        for worker in workers:
            worker.result()
    with running(tmp_path / "psp", tmp_path / "log") as (_, client):
        assert {key: client.get(f"/v1/payment_intents/{key}").json() for key in acknowledged} == acknowledged
        again = charge(client, "attempt-0-0")
        assert (again.status_code, again.json()) == (200, acknowledged["attempt-0-0"])


def test_pending_canceled_and_refunded_survive_kill_9(tmp_path: Path) -> None:
    with running(tmp_path / "psp", tmp_path / "log") as (process, client):
        assert charge(client, "slow", payment_method="pm_slow").json()["state"] == "PENDING"
        assert client.post("/v1/payment_intents/barred/cancel").json()["state"] == "CANCELED"
        charge(client, "paid")
        refunded = give_back(client, "refund-1", "paid", 60).json()
        process.kill()
    with running(tmp_path / "psp", tmp_path / "log") as (_, client):
        assert charge(client, "barred").json()["state"] == "CANCELED"
        assert client.get("/v1/payment_intents/slow").json()["state"] == "SUCCEEDED"
        assert give_back(client, "refund-1", "paid", 60).json() == refunded
        assert give_back(client, "refund-2", "paid", 41).status_code == 422


def test_sigterm_ends_it_well_and_its_log_is_json_without_the_key(tmp_path: Path) -> None:
    with running(tmp_path / "psp", tmp_path / "log") as (process, client):
        charge(client, "attempt-1")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    text = (tmp_path / "log").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert {"intent created"} <= {line["event"] for line in lines if line["service"] == "sandbox-psp"}
    assert "canary-key" not in text


def test_a_damaged_home_is_one_line_and_an_exit_code(tmp_path: Path) -> None:
    home = tmp_path / "psp"
    home.mkdir()
    (home / "psp.sqlite3").write_bytes(b"not a database" * 1000)
    ended = subprocess.run(command(home, free_port()), capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert str(home) in ended.stderr


def test_a_port_in_use_is_an_exit_code(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = subprocess.run(command(tmp_path / "psp", port), capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode != 0
    assert "address already in use" in ended.stdout
