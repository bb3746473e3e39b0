"""`atlas fetch-real`: gets Apache Kafka and Keycloak for a real stack."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.console import Console

from deploy.local.errors import StackError
from deploy.local.real.distribution import DISTRIBUTIONS
from deploy.local.real.fetch import fetch

OnlyOption = Annotated[str, typer.Option("--only", help="One of them: kafka or keycloak.")]


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("fetch-real", epilog="Example: atlas fetch-real --only kafka")(fetch_real)


def fetch_real(only: OnlyOption = "") -> None:
    """Fetch the pinned Apache Kafka and Keycloak with Maven, checked, for `atlas up --real`. What is there stays."""
    if only and only not in DISTRIBUTIONS:
        raise StackError(f"there is no {only} to fetch", f"choose {' or '.join(DISTRIBUTIONS)}")
    console = Console(highlight=False)
    began = time.monotonic()
    with console.status("fetching"):
        for distribution in (DISTRIBUTIONS[only],) if only else DISTRIBUTIONS.values():
            fetch(distribution, lambda line: console.print(line, markup=False, soft_wrap=True))
    console.print(f"done in {time.monotonic() - began:.1f} s; next: atlas up --real")
