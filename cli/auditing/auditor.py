"""Checks every invariant that can be seen from outside: each service's own, and those between services."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cli.auditing.evidence import Evidence, collect, collect_one
from cli.auditing.judgement import JUDGEMENTS
from cli.client import Caller, Json, RestClient
from deploy.local.services import SERVICES

SETTLE_SECONDS = 12.0
PAUSE_SECONDS = 0.2
MAX_FINDINGS = 25
STOCK_CURRENCY = "EUR"
STOCK_ACCOUNT = "1200"

Tell = Callable[[str], None]


@dataclass(slots=True)
class Invariant:
    """One promise, who keeps it, and what is wrong with it."""

    owner: str
    name: str
    statement: str
    checked: int
    findings: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def audit(client: RestClient, tell: Tell = lambda text: None, settle: float = SETTLE_SECONDS) -> list[Invariant]:
    """Check everything. What is wrong counts only when it stays so for `settle` seconds: services hear of events in turn."""
    deadline = time.monotonic() + settle
    reader = client.as_user("admin")
    rows = _between_services(reader, tell, deadline)
    rows += _lasting(lambda: _books(reader, tell), deadline)
    for row in SERVICES:
        tell(f"{row.upstream}'s own")
        rows += _lasting(lambda name=row.upstream: _own(reader, name), deadline)  # type: ignore[misc]
    return rows


def _lasting(check: Callable[[], list[Invariant]], deadline: float) -> list[Invariant]:
    """Check until everything holds, or the deadline has passed."""
    while True:
        rows = check()
        if all(row.holds for row in rows) or time.monotonic() > deadline:
            return rows
        time.sleep(PAUSE_SECONDS)


def _own(reader: Caller, name: str) -> list[Invariant]:
    """What a service finds in its own database."""
    answer = reader.get(f"/v1/ops/{name}/invariants")
    return [_parse(name, row) for row in answer.get("invariants", ())]


def _parse(owner: str, row: Json) -> Invariant:
    findings = list(row.get("findings", ()))
    if not row.get("holds") and not findings:
        findings = ["does not hold"]
    return Invariant(owner, row["name"], row["statement"], row.get("checked", 0), findings)


def _between_services(reader: Caller, tell: Tell, deadline: float) -> list[Invariant]:
    """Judge every order; look again at those where something is wrong until it is right, or stays wrong."""
    evidence = collect(reader, tell)
    wrong = {item.order["order_id"]: found for item in evidence if (found := _judge(item))}
    while wrong and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
        wrong = {order_id: found for order_id in wrong if (found := _judge(collect_one(reader, order_id)))}
    rows = {name: Invariant("all", name, statement, len(evidence)) for name, (statement, _) in JUDGEMENTS.items()}
    for order_id, found in wrong.items():
        for name, finding in found:
            rows[name].findings.append(f"order {order_id} {finding}")
    return list(rows.values())


def _judge(evidence: Evidence) -> list[tuple[str, str]]:
    return [(name, finding) for name, (_, judgement) in JUDGEMENTS.items() for finding in judgement(evidence)]


def _books(reader: Caller, tell: Tell) -> list[Invariant]:
    """Debits equal credits; the stock account is worth what is on hand; no money is left unapplied."""
    tell("trial balance and items")
    currencies = reader.get("/v1/ledger/trial-balance").get("currencies", [])
    items = list(reader.pages("/v1/inventory/items", "items"))
    crooked = [f"{row['currency_code']} is not balanced" for row in currencies if not row.get("balanced")]
    worth = sum(item["on_hand"] * item["standard_cost"]["minor_units"] for item in items)
    booked = _balance(currencies, STOCK_CURRENCY, STOCK_ACCOUNT)
    unequal = [f"{STOCK_ACCOUNT} is {booked}, the stock is worth {worth}"] if booked != worth else []
    return [
        Invariant("all", "I8 trial", "debits equal credits in every currency", len(currencies), crooked),
        Invariant("all", "X stock value", "account 1200 is the sum of on_hand x standard cost", len(items), unequal),
    ]


def _balance(currencies: list[Json], currency: str, account: str) -> int:
    return sum(
        int(row["balance_minor_units"])
        for one in currencies
        if one["currency_code"] == currency
        for row in one.get("accounts", ())
        if row["account"] == account
    )
