"""`atlas saga`: where an order is, what happened to it, what is still to come; and which orders are stuck."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from cli.client import Caller, Json, connect
from cli.connection import DEFAULT_HOME, HomeOption, JsonOption
from cli.exits import CommandFailed
from cli.options import LimitOption
from cli.show import console, show_found, show_json
from cli.timeline import read_timeline, remaining_line, step_line
from cli.waiting import NeverHappened, wait_until

AT_REST = frozenset({"FULFILLED", "PARTIALLY_FULFILLED", "BACKORDERED", "PAYMENT_FAILED", "AWAITING_APPROVAL", "CONFIRMED"})
STUCK = ("order_id", "state", "settlement", "customer_id", "total", "last_event_type", "last_event_time")
PROJECTED_SECONDS = 3.0
FOLLOW_PAUSE_SECONDS = 0.1
FollowOption = Annotated[bool, typer.Option("--follow", help="Go on until the order waits for a person or is done.")]
IdArgument = Annotated[str, typer.Argument(metavar="ORDER_ID", help="The order.")]
UserOption = Annotated[str, typer.Option("--user", metavar="NAME", help="Who looks.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    saga = typer.Typer(help="Where orders are on their way through the services.", no_args_is_help=True)
    saga.command("show", epilog="Example: atlas saga show ORDER_ID --follow")(show)
    saga.command("stuck", epilog="Example: atlas saga stuck")(stuck)
    app.add_typer(saga, name="saga")


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


def stuck(limit: LimitOption = 20, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the orders that stay as they are until somebody acts: money that could not be given back. Newest first."""
    found = connect(home).as_user("ops").first("/v1/reports/order-summary", "rows", limit, settlement="FAILED")
    show_found(found, STUCK, as_json, empty="nothing is stuck")
    if found and not as_json:
        print("see which refund failed, and try it again: atlas refund list --state FAILED; atlas refund retry REFUND_ID")


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
