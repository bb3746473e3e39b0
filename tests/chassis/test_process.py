"""A process refuses settings that are not safe, and says why."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

from chassis import migrate, process
from chassis.settings import Settings
from deploy.local import programs
from tests.chassis.bench import Bench, settings, until

SAFE: dict[str, Any] = {
    "profile": "production",
    "page_token_secret": "a secret of our own",
    "oidc_issuer": "https://id.example.com/realms/atlas",
}


class _BillingSettings(Settings):
    psp_key: SecretStr = SecretStr("sandbox-key")
    psp_webhook_secrets: SecretStr = SecretStr("whsec_c2FuZGJveC13ZWJob29rLWtleS0x")


def test_safe_settings_are_accepted() -> None:
    assert process.refuse(settings("", **SAFE)) == ""


@pytest.mark.parametrize(
    ("unsafe", "named"),
    [
        ({"page_token_secret": "dev-page-token-secret"}, "ATLAS_PAGE_TOKEN_SECRET"),
        ({"oidc_issuer": "http://id.example.com"}, "ATLAS_OIDC_ISSUER"),
    ],
)
def test_production_refuses_what_is_for_development(unsafe: dict[str, Any], named: str) -> None:
    assert named in process.refuse(settings("", **{**SAFE, **unsafe}))
    assert process.refuse(settings("", **{**SAFE, **unsafe, "profile": "dev"})) == ""


def test_production_refuses_failpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLAS_FAILPOINTS", "relay.before_mark=kill")
    assert "ATLAS_FAILPOINTS" in process.refuse(settings("", **SAFE))


def test_production_refuses_the_default_key_of_the_payment_provider() -> None:
    assert "ATLAS_PSP_KEY" in process.refuse(_BillingSettings.model_validate(SAFE))
    own = {**SAFE, "psp_key": "another", "psp_webhook_secrets": "whsec_b25l, whsec_dHdv"}
    assert process.refuse(_BillingSettings.model_validate(own)) == ""
    rotating = {**own, "psp_webhook_secrets": "whsec_b25l, whsec_c2FuZGJveC13ZWJob29rLWtleS0x"}
    assert "ATLAS_PSP_WEBHOOK_SECRETS" in process.refuse(_BillingSettings.model_validate(rotating))


def test_the_profile_is_production_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATLAS_PROFILE", raising=False)
    assert not Settings().is_dev


@pytest.mark.parametrize("arguments", [["nonsense"], ["serve", "relay"]])
def test_an_unknown_role_is_a_usage_error(bench: Bench, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert process.main(bench.app.blueprint, bench.app.settings, arguments) == process.EXIT_USAGE
    assert "usage" in capsys.readouterr().err


@dataclass
class Running:
    """A process of order_svc, and what its admin port says."""

    process: subprocess.Popen[bytes]
    admin: int

    def unready(self) -> set[str]:
        """The checks that fail, once the admin port answers."""
        until(self._answers)
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=5)
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        report = json.loads(response.read())
        connection.close()
        assert response.status == 503
        return {check["name"] for check in report["checks"] if not check["ok"]}

    def _answers(self) -> bool:
        assert self.process.poll() is None
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.admin)) == 0

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Start a process of order_svc on a database; its issuer is away, and its broker unless one is given."""
    made: list[subprocess.Popen[bytes]] = []

    def make(database_url: str, role: str = "serve", **broker: str) -> Running:
        admin = _free_port()
        environment = {
            **os.environ,
            "ATLAS_PROFILE": "dev",
            "ATLAS_DATABASE_URL": database_url,
            "ATLAS_MIGRATOR_URL": database_url,
            "ATLAS_OIDC_ISSUER": "http://127.0.0.1:9",
            "ATLAS_KAFKA_BOOTSTRAP": "127.0.0.1:9",
            "ATLAS_KAFKA_PROVIDER": "embedded",
            **broker,
            "ATLAS_ADMIN_PORT": str(admin),
        }
        started = subprocess.Popen([sys.executable, "-m", "order_svc", role], env=environment, stdout=subprocess.PIPE)
        made.append(started)
        return Running(started, admin)

    yield make
    for each in made:
        each.kill()
        each.communicate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_process_waits_for_its_database_unready_and_ends_cleanly(start: Callable[..., Running]) -> None:
    running = start("postgresql://nobody@127.0.0.1:9/none")
    assert running.unready() == {"started"}
    assert running.stop() == 0


def test_a_database_of_another_revision_is_refused(start: Callable[..., Running], database_url: str) -> None:
    running = start(database_url)
    output, _ = running.process.communicate(timeout=20)
    assert running.process.returncode == 1
    assert b"run migrate" in output


def test_a_process_is_unready_until_tokens_can_be_judged_and_ends_cleanly_meanwhile(
    start: Callable[..., Running], new_database: Callable[[str], str]
) -> None:
    database_url = new_database("order_process")
    assert start(database_url, "migrate").process.wait(30) == 0
    running = start(database_url)
    until(lambda: running.unready() == {"started", "jwks"})
    assert running.stop() == 0


@pytest.fixture
def empty_broker() -> Iterator[str]:
    """A broker in which nobody has made a topic."""
    port = _free_port()
    listeners = ("--listener-url", f"tcp://127.0.0.1:{port}", "--advertised-listener-url", f"tcp://127.0.0.1:{port}")
    command = [str(programs.tansu()), "broker", *listeners, "--cluster-id", "empty", "--storage-engine", "memory://tansu/"]
    started = subprocess.Popen(command, env={"RUST_LOG": "warn"}, stdout=subprocess.DEVNULL)
    yield f"127.0.0.1:{port}"
    started.kill()
    started.wait()


def test_a_broker_without_the_topics_that_deploy_makes_is_refused(
    start: Callable[..., Running], new_database: Callable[[str], str], empty_broker: str
) -> None:
    database_url = new_database("order_topics")
    migrate.upgrade("order_svc", database_url)
    running = start(database_url, "relay", ATLAS_KAFKA_BOOTSTRAP=empty_broker)
    output, _ = running.process.communicate(timeout=30)
    assert running.process.returncode == 1
    assert b"the broker has no topic atlas.billing.v1, atlas.inventory.v1" in output


def test_topics_with_another_number_of_partitions_are_refused(
    start: Callable[..., Running], new_database: Callable[[str], str], kafka_bootstrap: str
) -> None:
    database_url = new_database("order_partitions")
    migrate.upgrade("order_svc", database_url)
    running = start(database_url, "relay", ATLAS_KAFKA_BOOTSTRAP=kafka_bootstrap, ATLAS_KAFKA_PARTITIONS="12")
    output, _ = running.process.communicate(timeout=30)
    assert running.process.returncode == 1
    assert b"do not have 12 partitions: atlas.billing.v1 (6)" in output
