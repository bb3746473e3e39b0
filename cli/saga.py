"""`atlas saga show`: where an order is, what happened to it, what is still to come."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from cli.client import Caller, Json, connect
from cli.connection import DEFAULT_HOME, HomeOption, JsonOption
from cli.exits import CommandFailed
from cli.show import console, show_json
from cli.timeline import read_timeline, remaining_line, step_line
from cli.waiting import NeverHappened, wait_until

AT_REST = frozenset({"FULFILLED", "PARTIALLY_FULFILLED", "BACKORDERED", "PAYMENT_FAILED", "AWAITING_APPROVAL", "CONFIRMED"})
PROJECTED_SECONDS = 3.0
FOLLOW_PAUSE_SECONDS = 0.1
FollowOption = Annotated[bool, typer.Option("--follow", help="Go on until the order waits for a person or is done.")]
IdArgument = Annotated[str, typer.Argument(metavar="ORDER_ID", help="The order.")]
UserOption = Annotated[str, typer.Option("--user", metavar="NAME", help="Who looks.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    saga = typer.Typer(help="Where orders are on their way through the services.", no_args_is_help=True)
    saga.command("show", epilog="Example: atlas saga show ORDER_ID --follow")(show)
    saga.callback()(_group)
    app.add_typer(saga, name="saga")


def _group() -> None:
    """Keep `show` a command of its own: a group with one command and no callback would swallow its name."""


def show(
    order_id: IdArgument,
    follow: FollowOption = False,
    user: UserOption = "ops",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show the timeline of an order: events, services, latencies, then what is still to come, and its facts."""
    caller = connect(home).as_user(user)
    order = caller.get(f"/v1/orders/{order_id}")
    timeline = _projected(caller, order_id)
    if follow:
        order, timeline = _follow(caller, order, timeline, as_json)
    elif not as_json:
        _print_steps(timeline["steps"])
    if as_json:
        show_json({"order": order, "timeline": timeline})
    else:
        _print_rest(order, timeline)


def _projected(caller: Caller, order_id: str) -> Json:
    def read() -> Json | None:
        return read_timeline(caller, order_id)

    try:
        found = wait_until(read, lambda timeline: timeline is not None, what="the timeline", seconds=PROJECTED_SECONDS)
    except NeverHappened as late:
        remedy = "see what waits: atlas outbox list --pending; atlas parked list"
        raise CommandFailed("reporting has not read of this order yet", remedy) from late
    assert found is not None  # noqa: S101 - what wait_until waited for
    return found


def _follow(caller: Caller, order: Json, timeline: Json, as_json: bool) -> tuple[Json, Json]:
    """Print new steps as they come, until the order and its timeline agree that nothing comes by itself."""
    shown: set[str] = set()
    while True:
        fresh = [step for step in timeline["steps"] if step["event_id"] not in shown]
        shown |= {step["event_id"] for step in fresh}
        if not as_json:
            _print_steps(fresh)
        if not fresh and _is_at_rest(order) and timeline["state"] == order["state"]:
            return order, timeline
        time.sleep(FOLLOW_PAUSE_SECONDS)
        order = caller.get(f"/v1/orders/{order['order_id']}")
        timeline = _projected(caller, order["order_id"])


def _is_at_rest(order: Json) -> bool:
    if order["state"] == "CANCELLED":
        return order.get("settlement") != "PENDING"
    return order["state"] in AT_REST


def _print_steps(steps: list[Any]) -> None:
    for step in steps:
        console.print(step_line(step), soft_wrap=True)


def _print_rest(order: Json, timeline: Json) -> None:
    if remaining := timeline.get("remaining_steps"):
        print("still to come:")
        for step in remaining:
            console.print(remaining_line(step), soft_wrap=True)
    facts = ", ".join(f"{name} {value}" for name, value in order["facts"].items())
    settlement = f", settlement {order['settlement']}" if "settlement" in order else ""
    print(f"{order['state']}{settlement}: {facts}")
