"""The addresses of the running stack, for every command that talks to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.exits import CommandFailed, ExitCode
from deploy.local.launcher import running
from deploy.local.ports import HIGHEST_BASE, LOWEST_BASE

DEFAULT_HOME = Path(".atlas")
HomeOption = Annotated[Path, typer.Option("--home", envvar="ATLAS_HOME", help="The folder of the stack.")]
PortBaseOption = Annotated[
    int,
    typer.Option(
        "--port-base",
        envvar="ATLAS_PORT_BASE",
        min=LOWEST_BASE,
        max=HIGHEST_BASE,
        help="The gateway's port; all others follow from it.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True, slots=True)
class StackAddresses:
    """What `atlas env --json` prints; grpc and postgres are keyed by service package, such as order_svc."""

    base_url: str
    issuer: str
    token_url: str
    grpc: Mapping[str, str]
    kafka: str
    redis: str
    postgres: Mapping[str, str]
    home: str

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> StackAddresses:
        """Read back what `atlas env --json` printed."""
        return cls(**raw)


def load(home: Path = DEFAULT_HOME) -> StackAddresses:
    """The addresses of the stack that runs in `home`; CommandFailed with UNREACHABLE when none is ready there."""
    state = running(home)
    if state is None or not state.addresses:
        raise CommandFailed(f"no stack runs in {home.resolve()}", "start it: atlas up", ExitCode.UNREACHABLE)
    return StackAddresses.parse(state.addresses)
