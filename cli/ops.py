"""`atlas outbox|parked|dlq|audit|events`: what is under way, waits, failed, who did what, and reading everything again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress, TaskID

from cli.client import Json, connect
from cli.connection import DEFAULT_HOME, HomeOption, JsonOption
from cli.exits import CommandFailed, ExitCode
from cli.options import CommentOption
from cli.rewind import rewind_all
from cli.show import error_console, show_json, show_rows
from deploy.local.services import SERVICES

NAMES = tuple(row.upstream for row in SERVICES)
ServiceArgument = Annotated[str, typer.Argument(metavar="SERVICE", help=f"One of {', '.join(NAMES)}; all by default.")]
NamedArgument = Annotated[str, typer.Argument(metavar="SERVICE", help=f"One of {', '.join(NAMES)}.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="As the list shows it.")]
PendingOption = Annotated[bool, typer.Option("--pending", help="Only what is not published yet.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=200, help="How many of each service at most.")]
ResourceOption = Annotated[str, typer.Option("--resource", help="Only calls that named this, such as an order's id.")]
SubjectOption = Annotated[str, typer.Option("--subject", help="Only calls of this person or client: the token's subject.")]
MethodOption = Annotated[str, typer.Option("--method", help="Only calls of this kind, such as CancelOrder.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="CAUSE_REPAIRED, HANDLED_ELSEWHERE, UNREADABLE or OTHER.")]


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that every service has: its path under /v1/ops/{service}/, its member, and what of it is shown."""

    path: str
    plural: str
    columns: tuple[str, ...]


OUTBOX = Listing("outbox", "entries", ("service", "event_type", "stream_key", "stream_sequence", "occur_time", "publish_time"))
PARKED = Listing(
    "parked",
    "parked_events",
    ("service", "parked_event_id", "event_type", "stream_key", "state", "attempts", "next_attempt_time", "error_class"),
)
AUDIT = Listing("audit", "entries", ("service", "occur_time", "client", "subject", "method", "resource", "comment"))
DLQ = Listing(
    "dlq",
    "dead_letters",
    ("service", "dead_letter_id", "event_type", "stream_key", "state", "attempts", "error_class", "error_reason"),
)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    outbox = _group(app, "outbox", "Events that services have decided to publish.")
    outbox.command("list", epilog="Example: atlas outbox list order --pending")(outbox_list)
    parked = _group(app, "parked", "Events whose handling failed and is tried again.")
    parked.command("list", epilog="Example: atlas parked list")(parked_list)
    parked.command("retry", epilog="Example: atlas parked retry billing ID")(parked_retry)
    dlq = _group(app, "dlq", "Events that services gave up, until a person decides.")
    dlq.command("list", epilog="Example: atlas dlq list billing")(dlq_list)
    dlq.command("replay", epilog="Example: atlas dlq replay billing ID --reason CAUSE_REPAIRED")(dlq_replay)
    dlq.command("discard", epilog="Example: atlas dlq discard billing ID --reason HANDLED_ELSEWHERE")(dlq_discard)
    audit = _group(app, "audit", "The calls that had an effect, and who made them.")
    audit.command("list", epilog="Example: atlas audit list order --resource ORDER_ID")(audit_list)
    events = _group(app, "events", "The events of all services.")
    events.command("replay", epilog="Example: atlas events replay")(events_replay)


def _group(app: typer.Typer, name: str, words: str) -> typer.Typer:
    """A group; without its callback, one that has a single command would swallow that command's name."""
    group = typer.Typer(help=words, no_args_is_help=True)
    group.callback()(lambda: None)
    app.add_typer(group, name=name, help=words)
    return group


def outbox_list(
    service: ServiceArgument = "",
    pending: PendingOption = False,
    limit: LimitOption = 50,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List events of the outbox, newest first."""
    query = {"page_size": str(limit)} | ({"published": "false"} if pending else {})
    _print(OUTBOX, _rows(home, OUTBOX, service, query), as_json)


def parked_list(
    service: ServiceArgument = "", limit: LimitOption = 50, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """List events that wait for another try, and those behind them."""
    _print(PARKED, _rows(home, PARKED, service, {"page_size": str(limit)}), as_json)


def parked_retry(
    service: NamedArgument, parked_event_id: IdArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Make a parked event due at once."""
    path = f"/v1/ops/{_known(service)}/parked/{parked_event_id}/retry"
    _print(PARKED, [{"service": service} | connect(home).as_user("ops").post(path)], as_json)


def dlq_list(
    service: ServiceArgument = "", limit: LimitOption = 50, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """List dead letters, newest first."""
    _print(DLQ, _rows(home, DLQ, service, {"page_size": str(limit)}), as_json)


def dlq_replay(
    service: NamedArgument,
    dead_letter_id: IdArgument,
    reason: ReasonOption = "CAUSE_REPAIRED",
    comment: CommentOption = "",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Hand a dead letter to its handler again."""
    path = f"/v1/ops/{_known(service)}/dlq/{dead_letter_id}/replay"
    letter = connect(home).as_user("ops").post(path, {"reason": reason, "comment": comment})
    _print(DLQ, [{"service": service} | letter], as_json)


def dlq_discard(
    service: NamedArgument,
    dead_letter_id: IdArgument,
    reason: ReasonOption = "HANDLED_ELSEWHERE",
    comment: CommentOption = "",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Decide that a dead letter will never be handled."""
    path = f"/v1/ops/{_known(service)}/dlq/{dead_letter_id}/discard"
    letter = connect(home).as_user("ops").post(path, {"reason": reason, "comment": comment})
    _print(DLQ, [{"service": service} | letter], as_json)


def audit_list(
    service: ServiceArgument = "",
    resource: ResourceOption = "",
    subject: SubjectOption = "",
    method: MethodOption = "",
    limit: LimitOption = 50,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List calls that had an effect, newest first."""
    given = {"resource": resource, "subject": subject, "method": method, "page_size": str(limit)}
    rows = _rows(home, AUDIT, service, {name: value for name, value in given.items() if value})
    _print(AUDIT, rows if as_json else [row | row["actor"] for row in rows], as_json)


def events_replay(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Let every consumer read everything again from offset 0, and wait until it has; nothing is applied twice."""
    client = connect(home)
    with Progress(console=error_console, transient=True) as progress:
        read = rewind_all(client, _teller(progress, progress.add_task("reading again", total=None)))
    rows = [{"service": name, "messages": count} for name, count in read.items()]
    if as_json:
        show_json(rows)
    else:
        show_rows(rows, ("service", "messages"), empty="")


def _teller(progress: Progress, bar: TaskID) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        progress.update(bar, completed=done, total=total)

    return tell


def _rows(home: Path, listing: Listing, service: str, query: dict[str, str]) -> list[Json]:
    """The newest of one service, or of each."""
    names = [_known(service)] if service else NAMES
    reader = connect(home).as_user("ops")
    pages: dict[str, Any] = {name: reader.get(f"/v1/ops/{name}/{listing.path}", **query) for name in names}
    return [{"service": name} | row for name, page in pages.items() for row in page.get(listing.plural, ())]


def _known(service: str) -> str:
    if service not in NAMES:
        raise CommandFailed(f"there is no service {service}", f"choose from {', '.join(NAMES)}", ExitCode.USAGE)
    return service


def _print(listing: Listing, rows: list[Json], as_json: bool) -> None:
    if as_json:
        show_json(rows)
    else:
        show_rows(rows, listing.columns, empty="nothing there")
