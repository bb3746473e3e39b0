"""The entry point of `atlas`: the table of its parts, and the one place where failures become lines and exit codes."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys

import typer

from cli.exits import CommandFailed, ExitCode
from deploy.local.errors import StackError

MODULES = (
    *("cli.stack", "cli.token", "cli.seed", "cli.demo", "cli.order", "cli.price", "cli.stock", "cli.backorder", "cli.saga"),
    *("cli.ops", "cli.invariants", "cli.clock", "cli.real"),
)
"""Each has `register(app)`, which adds its commands."""


def make_app() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(
        name="atlas",
        help="Atlas ERP: run the local stack, look into it, play its scenarios.",
        epilog="Start with: atlas up",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    for module in MODULES:
        if importlib.util.find_spec(module) is not None:
            importlib.import_module(module).register(app)
    return app


def main() -> None:
    """Run one command; end with its exit code."""
    try:
        make_app()()
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
