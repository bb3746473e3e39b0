"""The issuer as a process: it serves soon after its start, keeps its key, and says in one line why it cannot."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx2

from tests.deploy.dev_issuer.process import COMMAND, running_issuer


def test_issuer_serves_discovery_and_keeps_its_key_over_a_restart(tmp_path: Path) -> None:
    published = []
    for _ in range(2):
        with running_issuer(tmp_path) as issuer:
            discovery = httpx2.get(f"{issuer}/.well-known/openid-configuration", trust_env=False)
            assert discovery.json()["issuer"] == issuer
            assert "server" not in discovery.headers
            published.append(httpx2.get(discovery.json()["jwks_uri"], trust_env=False).json())
    assert published[0] == published[1]


def test_realm_that_cannot_be_read_is_one_line_and_exit_2(tmp_path: Path) -> None:
    arguments = ["--realm", str(tmp_path / "absent.json"), "--port", "1", "--home", str(tmp_path)]
    result = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("dev_issuer: cannot read")
    assert result.stderr.count("\n") == 1
