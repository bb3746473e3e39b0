"""The timeline of an order as lines: one an event, with its service and how long it took to be seen."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from cli.client import Caller

SHOWN_DIM = "OrderStateChanged"
SHADES = {"order-svc": "cyan", "inventory-svc": "yellow", "billing-svc": "green", "workflow-svc": "magenta"}


def read_timeline(caller: Caller, order_id: str) -> dict[str, Any] | None:
    """The timeline; None until it is projected."""
    found: dict[str, Any] | None = caller.find(f"/v1/orders/{order_id}/timeline")
    return found


def step_line(step: dict[str, Any], label: str = "") -> Text:
    """One event that happened: time, event, service, latency."""
    producer = step["producer"]
    line = Text(f"  {step['occur_time'][11:23]} ")
    line.append(f"{label:<10} " if label else "")
    line.append(f"{step['event_type']:<28}", style="dim" if step["event_type"] == SHOWN_DIM else SHADES.get(producer, ""))
    line.append(f"{producer:<14}{step.get('latency_ms', 0):>6} ms")
    if step.get("attempts", 1) > 1:
        line.append(f"  attempt {step['attempts']}", style="red")
    return line.append(f"  {step.get('summary', '')}", style="dim")


def remaining_line(step: dict[str, Any]) -> Text:
    """One event that is still to come."""
    until = f"until {step['expected_by']}" if step.get("expected_by") else "waits for a person"
    line = Text(f"  {'':>12} {step['event_type']:<28}{step['owner']:<14} {until}", style="dim")
    return line.append("  overdue", style="red") if step.get("overdue") else line
