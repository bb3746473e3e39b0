"""`atlas token`: an access token of a development user or client, from the running stack's issuer."""

from __future__ import annotations

import json
import os
from typing import Annotated

import httpx2
import typer

from cli import connection
from cli.connection import DEFAULT_HOME, HomeOption, JsonOption
from cli.exits import CommandFailed, ExitCode

CLI_CLIENT = "atlas-cli"
TIMEOUT = 5.0
NAMES = "users: admin ops ops2 finance approver approver2 viewer buyer buyer2; client: atlas-shop"

UserOption = Annotated[str | None, typer.Option("--user", metavar="NAME", help="A development user, such as buyer.")]
ClientOption = Annotated[str | None, typer.Option("--client", metavar="NAME", help="A development client: atlas-shop.")]


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(epilog='Example: curl -H "Authorization: Bearer $(atlas token --user buyer)" ...')(token)


def token(
    user: UserOption = None, client: ClientOption = None, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Print an access token of a development user or client."""
    if os.environ.get("ATLAS_PROFILE", "dev") != "dev":
        raise CommandFailed("only the dev profile has users whose password is their name", "sign in with your own account")
    access_token = fetch_token(connection.load(home).token_url, user=user, client=client)
    typer.echo(json.dumps({"access_token": access_token}) if as_json else access_token)


def fetch_token(token_url: str, *, user: str | None = None, client: str | None = None) -> str:
    """An access token of one development user (whose password is the name) or client (whose secret is NAME-secret).

    Raises CommandFailed when the issuer refuses or does not answer.
    """
    try:
        response = httpx2.post(token_url, data=_grant(user, client), timeout=TIMEOUT, trust_env=False)
    except httpx2.TransportError as error:
        remedy = "see what runs: atlas status"
        raise CommandFailed(f"the issuer at {token_url} does not answer", remedy, ExitCode.UNREACHABLE) from error
    if not response.is_success:
        raise CommandFailed(f"no token for {user or client}: {_reason(response)}", NAMES)
    return str(response.json()["access_token"])


def _grant(user: str | None, client: str | None) -> dict[str, str]:
    if user and not client:
        return {"grant_type": "password", "client_id": CLI_CLIENT, "username": user, "password": user}
    if client and not user:
        return {"grant_type": "client_credentials", "client_id": client, "client_secret": f"{client}-secret"}
    raise CommandFailed("a token is for one user or one client", f"say --user NAME or --client NAME; {NAMES}", ExitCode.USAGE)


def _reason(response: httpx2.Response) -> str:
    try:
        return str(response.json()["error_description"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {response.status_code}"
