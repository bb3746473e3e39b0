"""`python -m deploy.local`: the supervisor process that `atlas up` leaves behind in the background."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from deploy.local.choices import parse_choices
from deploy.local.errors import StackError
from deploy.local.home import Home
from deploy.local.leftovers import end_leftovers
from deploy.local.plan import check_plan, make_plan
from deploy.local.ports import Ports
from deploy.local.progress import Progress, Reporter
from deploy.local.services import LOGIN_KINDS, SERVICES
from deploy.local.site import SUPERUSER, Site, external_servers
from deploy.local.supervisor import Supervisor, stop_on_signals, stop_with


def main() -> int:
    """Take the lock, check, supervise until told to stop."""
    arguments = _arguments()
    home = Home(arguments.home)
    _detach()
    reporter = Reporter(os.fdopen(os.dup(sys.stdout.fileno()), "w"))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    reporter.tell(Progress("began"))
    try:
        home.make()
        if (lock := home.lock()) is None:
            raise StackError(f"another supervisor runs in {home.root}", "atlas status shows it, atlas down stops it")
        with lock:
            end_leftovers(home)
            return asyncio.run(_supervise(arguments, home, reporter))
    except StackError as error:
        reporter.tell(Progress("failed", what=error.what, remedy=error.remedy))
        return 1


def _detach() -> None:
    """Go on as a process of our own session that is nobody's child, so that whoever started us need not wait for us."""
    if os.fork():
        os._exit(0)
    os.setsid()


async def _supervise(arguments: argparse.Namespace, home: Home, reporter: Reporter) -> int:
    """Plan the stack and run it."""
    stop = asyncio.Event()
    stop_on_signals(stop)
    roles = [row.role(kind) for row in SERVICES for kind in LOGIN_KINDS]
    passwords = home.passwords([SUPERUSER, *roles])
    site = Site(
        home=home,
        ports=Ports(arguments.port_base),
        passwords=passwords,
        external=external_servers(arguments.provider),
        durable=not arguments.volatile,
        providers=arguments.provider,
    )
    steps = make_plan(site, arguments.only)
    check_plan(steps)
    undo = stop_with(arguments.stop_with, stop) if arguments.stop_with else None
    try:
        return await Supervisor(site, steps, reporter).run(stop)
    finally:
        if undo:
            undo()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.local")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port-base", type=int, required=True)
    parser.add_argument("--only", type=lambda text: text.split(","), default=[])
    parser.add_argument("--volatile", action="store_true", help="PostgreSQL does not wait for the disk (tests)")
    parser.add_argument("--stop-with", type=int, default=0, metavar="PID", help="stop when this process ends")
    parser.add_argument("--provider", action="append", default=[], metavar="PART=PROVIDER")
    arguments = parser.parse_args()
    arguments.provider = parse_choices(arguments.provider)
    return arguments


if __name__ == "__main__":
    sys.exit(main())
