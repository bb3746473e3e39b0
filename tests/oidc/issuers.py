"""The two issuers of the suite as supervised processes: what each can do, and the powers of its administrator."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from deploy.local import StackError, StackRequest, free_base, start, stop
from deploy.local.choices import REQUIRE_REAL
from deploy.local.home import Home
from deploy.local.launcher import running
from deploy.local.providers import keycloak
from deploy.local.real.distribution import KEYCLOAK
from deploy.local.real.fetch import fetch
from deploy.local.state import ComponentState
from tests.infra import leader

PATIENCE_SECONDS = 90.0
FIRST_START_SECONDS = 400
"""What the first test of a Keycloak may take: perhaps a fetch, a build, and the import of the realm."""
REALM = "atlas-erp"
ADMIN_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Capability:
    """What an issuer can do beyond passwords and client credentials."""

    device_flow: bool
    code_flow: bool
    other_tokens: bool
    """Refresh and ID tokens."""

    def require(self, name: str) -> None:
        """Skip the test when the issuer lacks this."""
        if not getattr(self, name):
            pytest.skip(f"this issuer has no {name.replace('_', ' ')}")


@dataclass(frozen=True, slots=True)
class Issuer:
    """A running issuer."""

    capability: Capability
    request: StackRequest
    rotate: Callable[[Issuer], None]
    """Sign with a new key from now on, and still publish the one before."""
    withdraw: Callable[[Issuer, str], None]
    """Publish the key of this `kid` no more; it signs no longer."""
    url: str = ""

    @property
    def endpoint(self) -> str:
        """The folder of its OIDC endpoints."""
        return f"{self.url}/protocol/openid-connect"

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return self.url.removesuffix(f"/realms/{REALM}")

    @property
    def row(self) -> ComponentState:
        """What its supervisor says of it."""
        state = running(self.request.home)
        assert state is not None, "the supervisor of the issuer ended"
        return state.components["issuer"]

    def kill(self) -> None:
        """End its process as a crash does; its supervisor starts it again."""
        pid = self.row.pid
        assert pid is not None, "it does not run"
        os.kill(pid, signal.SIGKILL)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody listens in this block; afterwards it is back at the same address."""
        stop(self.request.home)
        try:
            yield
        finally:
            start(self.request)

    def await_restart(self, restarts: int) -> None:
        """Wait until the supervisor has started it again after this many restarts."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.row.restarts <= restarts or self.row.health != "ready":
            assert time.monotonic() < deadline, f"it did not come back: {self.row.health}"
            time.sleep(0.05)


@contextmanager
def dev_issuer(home: Path) -> Iterator[Issuer]:
    """The dev issuer; it ends with the block."""
    powers = Capability(device_flow=False, code_flow=False, other_tokens=False)
    with _started(Issuer(powers, _request(home, "embedded"), _dev_rotate, _dev_withdraw)) as issuer:
        yield issuer


@contextmanager
def real_keycloak(home: Path) -> Iterator[Issuer]:
    """A Keycloak; it ends with the block."""
    _get_keycloak()
    powers = Capability(device_flow=True, code_flow=True, other_tokens=True)
    with _started(Issuer(powers, _request(home, "real"), _real_rotate, _real_withdraw)) as issuer:
        yield issuer


def _request(home: Path, provider: str) -> StackRequest:
    return StackRequest(home, free_base(), ("issuer",), stop_with=leader(), providers={"issuer": provider})


@contextmanager
def _started(issuer: Issuer) -> Iterator[Issuer]:
    request = issuer.request
    try:
        yield replace(issuer, url=start(request)["issuer"])
    finally:
        stop(request.home)


def _get_keycloak() -> None:
    """Skip when there is no Keycloak and none can be fetched; fail where a real one is required."""
    try:
        if not KEYCLOAK.folder.is_dir() and KEYCLOAK.variable not in os.environ and shutil.which("mvn"):
            fetch(KEYCLOAK, print)
        keycloak.check()
    except StackError as refusal:
        reason = f"{refusal.what}; {refusal.remedy}"
        if os.environ.get(REQUIRE_REAL) == "1":
            pytest.fail(reason)
        pytest.skip(reason)


def _dev_rotate(issuer: Issuer) -> None:
    httpx2.post(f"{issuer.origin}/dev/rotate", trust_env=False).raise_for_status()


def _dev_withdraw(issuer: Issuer, kid: str) -> None:
    """It publishes two keys, so the one before is gone after the next rotation."""
    _dev_rotate(issuer)


def _real_rotate(issuer: Issuer) -> None:
    with _admin(issuer) as admin:
        priority = 1 + max(int(row["providerPriority"]) for row in _keys(admin))
        config = {"priority": [str(priority)], "enabled": ["true"], "active": ["true"], "keySize": ["2048"]}
        kind = {"providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider"}
        body = {"name": f"rsa-{priority}", "config": config} | kind
        admin.post("components", json=body).raise_for_status()


def _real_withdraw(issuer: Issuer, kid: str) -> None:
    with _admin(issuer) as admin:
        (owner,) = (row["providerId"] for row in _keys(admin) if row["kid"] == kid)
        admin.delete(f"components/{owner}").raise_for_status()


def _keys(admin: httpx2.Client) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = admin.get("keys").raise_for_status().json()["keys"]
    return rows


@contextmanager
def _admin(issuer: Issuer) -> Iterator[httpx2.Client]:
    """A client of the realm's administration."""
    form = {"grant_type": "password", "client_id": "admin-cli", "username": keycloak.ADMIN, "password": admin_password(issuer)}
    with httpx2.Client(trust_env=False, timeout=ADMIN_SECONDS) as http:
        answer = http.post(f"{issuer.origin}/realms/master/protocol/openid-connect/token", data=form).raise_for_status()
        http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        http.base_url = httpx2.URL(f"{issuer.origin}/admin/realms/{REALM}/")
        yield http


def admin_password(issuer: Issuer) -> str:
    """The password of its first administrator."""
    return Home(issuer.request.home).passwords((keycloak.ADMIN,))[keycloak.ADMIN]
