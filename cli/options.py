"""The options that mean the same in every command that has them."""

from __future__ import annotations

from typing import Annotated

import typer

LimitOption = Annotated[int, typer.Option("--limit", min=1, max=200, help="How many at most.")]
KeyOption = Annotated[str | None, typer.Option("--key", help="The Idempotency-Key; a new one by default.")]
CommentOption = Annotated[str, typer.Option("--comment", help="Why, in your own words.")]
