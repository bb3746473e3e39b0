"""What was invoiced, paid and given back for an order of a scenario."""

from __future__ import annotations

from cli.scenarios.stage import Placed, Stage


def invoices(stage: Stage, placed: Placed) -> list[str]:
    """The states of the order's invoices."""
    return _members(stage, "invoices", placed, "state")


def payments(stage: Stage, placed: Placed) -> list[str]:
    """The states of its payment attempts."""
    return _members(stage, "payments", placed, "state")


def refunds(stage: Stage, placed: Placed) -> list[list[object]]:
    """State and amount of its refunds."""
    rows = stage.reader.pages("/v1/refunds", "refunds", order_id=placed.order_id)
    return [[row["state"], row["amount"]["minor_units"]] for row in rows]


def credit_notes(stage: Stage, placed: Placed) -> list[int]:
    """The totals of its credit notes."""
    rows = stage.reader.pages("/v1/credit-notes", "credit_notes", order_id=placed.order_id)
    return [row["total"]["minor_units"] for row in rows]


def anomalies(stage: Stage, placed: Placed) -> list[str]:
    """What the provider contradicted himself in about its payments."""
    rows = stage.reader.pages("/v1/payments", "payments", order_id=placed.order_id)
    return [anomaly for row in rows for anomaly in row["anomalies"]]


def differences(stage: Stage) -> list[list[str]]:
    """What we, the provider and the ledger do not agree on."""
    answer = stage.reader.post("/v1/ledger/reconcile", {})
    return [[row["kind"], row["resource_id"]] for row in answer["differences"]]


def _members(stage: Stage, plural: str, placed: Placed, name: str) -> list[str]:
    return [row[name] for row in stage.reader.pages(f"/v1/{plural}", plural, order_id=placed.order_id)]
