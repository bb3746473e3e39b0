"""The provider as a process: what it acknowledged is there after kill -9; how it starts, stops and refuses to start."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from deploy.sandbox_psp.__main__ import parser
from tests.deploy.sandbox_psp.process import ENVIRONMENT, command, free_port, running

BODY = {"minor_units": 100, "currency_code": "EUR", "payment_method": "pm_ok", "reference": "order-1"}


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


def test_a_malformed_secret_is_one_line_that_does_not_show_it(tmp_path: Path) -> None:
    environment = ENVIRONMENT | {"ATLAS_PSP_WEBHOOK_SECRETS": "whsec_canary-secret-x"}
    options = ["--webhook-url", "http://127.0.0.1:1/"]
    started = command(tmp_path / "psp", free_port(), *options)
    ended = subprocess.run(started, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "ATLAS_PSP_WEBHOOK_SECRETS" in ended.stderr
    assert "canary" not in ended.stderr + ended.stdout


@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "ftp://127.0.0.1/", "http://", "http://[::1"])
def test_a_webhook_url_that_is_none_is_wrong_usage(capsys: pytest.CaptureFixture[str], url: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        parser().parse_args(["--port", "1", "--home", "psp", "--webhook-url", url])
    assert "--webhook-url" in capsys.readouterr().err


def test_a_call_that_hangs_really_hangs_and_inquiry_does_not(tmp_path: Path) -> None:
    with running(tmp_path / "psp", tmp_path / "log", "--hang-seconds", "30") as (_, client):
        with pytest.raises(httpx2.ReadTimeout):
            client.post(
                "/v1/payment_intents",
                headers={"Idempotency-Key": "attempt-1"},
                json=BODY | {"payment_method": "pm_timeout_then_ok"},
                timeout=0.3,
            )
        assert client.get("/v1/payment_intents/attempt-1").json()["state"] == "SUCCEEDED"
