"""The entry point of `atlas`: the table of its parts, and the one place where failures become lines and exit codes."""

from __future__ import annotations

import importlib
import os
import sys

import typer

from cli.exits import CommandFailed, ExitCode
from deploy.local.errors import StackError

MODULES = {
    "cli.stack": ("up", "down", "status", "env", "reset", "doctor"),
    "cli.token": ("token",),
    "cli.seed": ("seed",),
    "cli.demo": ("demo",),
    "cli.order": ("order",),
    "cli.price": ("price",),
    "cli.stock": ("stock",),
    "cli.backorder": ("backorder",),
    "cli.invoice": ("invoice",),
    "cli.payment": ("payment",),
    "cli.refund": ("refund",),
    "cli.ledger": ("ledger",),
    "cli.saga": ("saga",),
    "cli.ops": ("outbox", "parked", "dlq", "audit", "events"),
    "cli.invariants": ("invariants",),
    "cli.clock": ("clock",),
    "cli.real": ("fetch-real",),
}
"""Each has `register(app)`, which adds these commands."""


def make_app(command: str = "") -> typer.Typer:
    """The part of the command line that has a command: importing the others takes a second. All of it for any other word."""
    app = typer.Typer(
        name="atlas",
        help="Atlas ERP: run the local stack, look into it, play its scenarios.",
        epilog="Start with: atlas up",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    app.callback()(_nothing)
    parts = [module for module, commands in MODULES.items() if command in commands]
    for module in parts or MODULES:
        importlib.import_module(module).register(app)
    return app


def _nothing() -> None:
    """Make a group of it even where there is one command: its name is to be given in any case."""


def main() -> None:
    """Run one command; end with its exit code."""
    try:
        make_app(sys.argv[1] if sys.argv[1:] else "")()
    except CommandFailed as failure:
        sys.exit(_refuse(failure.what, failure.remedy, failure.code))
    except StackError as failure:
        sys.exit(_refuse(failure.what, failure.remedy, ExitCode.FAILED))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.FAILED)
    except Exception as error:
        if os.environ.get("ATLAS_DEBUG"):
            raise
        sys.exit(_refuse(f"unexpected {type(error).__name__}", "ATLAS_DEBUG=1 shows where it comes from", ExitCode.FAILED))


def _refuse(what: str, remedy: str, code: ExitCode) -> ExitCode:
    """Print what went wrong and the next step."""
    print(f"atlas: {what}", file=sys.stderr)
    print(f"next:  {remedy}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
