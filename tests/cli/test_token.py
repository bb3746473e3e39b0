"""`atlas token` against a real issuer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from jose import jwt
from typer.testing import CliRunner

from cli.exits import CommandFailed, ExitCode
from cli.main import make_app
from cli.token import fetch_token
from tests.deploy.dev_issuer.process import free_port, running_issuer


@pytest.fixture(scope="module")
def token_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_issuer(tmp_path_factory.mktemp("issuer")) as issuer:
        yield f"{issuer}/protocol/openid-connect/token"


@pytest.mark.parametrize(
    ("user", "client", "username"), [("buyer2", None, "buyer2"), (None, "atlas-shop", "service-account-atlas-shop")]
)
def test_user_and_client_get_a_token(token_url: str, user: str | None, client: str | None, username: str) -> None:
    token = fetch_token(token_url, user=user, client=client)
    assert jwt.get_unverified_claims(token)["preferred_username"] == username


def test_unknown_user_is_refused_with_the_names_there_are(token_url: str) -> None:
    with pytest.raises(CommandFailed, match="no token for nobody: Invalid user credentials") as refused:
        fetch_token(token_url, user="nobody")
    assert (refused.value.code, "buyer2" in refused.value.remedy) == (ExitCode.FAILED, True)


@pytest.mark.parametrize(("user", "client"), [(None, None), ("buyer", "atlas-shop"), ("", None)])
def test_token_is_for_exactly_one(token_url: str, user: str | None, client: str | None) -> None:
    with pytest.raises(CommandFailed) as refused:
        fetch_token(token_url, user=user, client=client)
    assert refused.value.code is ExitCode.USAGE


def test_silent_issuer_is_unreachable() -> None:
    with pytest.raises(CommandFailed) as refused:
        fetch_token(f"http://127.0.0.1:{free_port()}/token", user="buyer")
    assert refused.value.code is ExitCode.UNREACHABLE


def test_command_is_refused_outside_the_dev_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLAS_PROFILE", "production")
    result = CliRunner().invoke(make_app(), ["token", "--user", "buyer", "--home", str(tmp_path)])
    assert isinstance(result.exception, CommandFailed)
    assert "only the dev profile" in result.exception.what
    assert result.stdout == ""


def test_command_without_a_running_stack_is_unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATLAS_PROFILE", raising=False)
    result = CliRunner().invoke(make_app(), ["token", "--user", "buyer", "--home", str(tmp_path)])
    assert isinstance(result.exception, CommandFailed)
    assert result.exception.code is ExitCode.UNREACHABLE
