"""The checker at the end of every fault: I1 to I11 of 200 orders, seen from outside, in the topics and in the books."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import takewhile

import httpx2

from cli.auditing.evidence import LISTS, Evidence, collect_one
from cli.auditing.judgement import JUDGEMENTS
from cli.client import Json
from cli.scenarios import books
from deploy.local.services import SERVICES
from tests.faults import topics
from tests.faults.load import Load
from tests.faults.orders import MIX

LASTING_SECONDS = 60.0
CASH = ("1000", "1010", "5100")
PROVIDER_KEY = {"Authorization": "Bearer sandbox-key"}
CLOCKS = timedelta(seconds=2)


def check(load: Load, foreign: frozenset[str] = frozenset()) -> list[str]:
    """Say what is wrong with a load that has ended, when it stays so: services hear of the last events in turn."""
    deadline = time.monotonic() + LASTING_SECONDS
    while True:
        story = topics.read(load.ground, load.marks)
        wrong = [*topics.violations(load.ground, load.marks, story, foreign), *_effects(load), *_reports(load)]
        wrong = wrong or [*_orders(load), *_own(load), *_books(load)]
        if not wrong or time.monotonic() > deadline:
            return wrong
        time.sleep(0.1)


def _effects(load: Load) -> Iterator[str]:
    """I1 and I2: every key was answered in the end, and each has its effect once."""
    stored = [order["order_id"] for order in load.orders()]
    if sorted(stored) != sorted(load.kinds) or len(stored) != load.total:
        yield f"I1: {load.total} keys were sent, {len(load.kinds)} orders acknowledged, {len(stored)} are there"
    items = {name: load.till.reader.get(f"/v1/inventory/items/{sku}") for name, sku in load.skus.items()}
    for name, item in items.items():
        kept = sum(kind.count for kind in MIX if kind.item == name and kind.end[0] == "CONFIRMED")
        units = load.total if name == "plenty" else sum(kind.count for kind in MIX if kind.item == name)
        if (item["on_hand"], item["reserved"]) != (units, kept):
            yield f"I1: of {name} {item['on_hand']} are there and {item['reserved']} reserved, not {units} and {kept}"


def _reports(load: Load) -> Iterator[str]:
    """The read model tells the same."""
    rows = load.till.reader.pages("/v1/reports/order-summary", "rows", customer_id=load.customer)
    reported, ended = Counter(row["state"] for row in rows), Counter(kind.end[0] for kind in load.kinds.values())
    if reported != ended:
        yield f"the report has {dict(reported)}, not {dict(ended)}"


def _orders(load: Load) -> Iterator[str]:
    """I9, I10 and what services hold about each order, by the rules of the auditor."""
    for evidence in _evidence(load):
        if any(_judged(evidence)):
            yield from _judged(collect_one(load.till.reader, evidence.order["order_id"]))


def _judged(evidence: Evidence) -> Iterator[str]:
    for name, (_, judgement) in JUDGEMENTS.items():
        for finding in judgement(evidence):
            yield f"{name}: order {evidence.order['order_id']} {finding}"


def _evidence(load: Load) -> list[Evidence]:
    """What every service says about the orders of this load: lists are newest first, so older rows end the reading."""
    by_order: dict[str, dict[str, list[Json]]] = {order_id: {name: [] for name in LISTS} for order_id in load.kinds}
    for name, path in LISTS.items():
        for row in takewhile(lambda row: _is_of(load, row), load.till.reader.pages(path, name)):
            if (order_id := row.get("order_id", "")) in by_order:
                by_order[order_id][name].append(row)
    return [Evidence(order, **by_order[order["order_id"]]) for order in load.orders()]


def _is_of(load: Load, row: Json) -> bool:
    written = datetime.fromisoformat(row.get("create_time") or row["post_time"])
    return written > load.began - CLOCKS


def _own(load: Load) -> Iterator[str]:
    """I3, I5, I7, I8, I11 and the rest, as each service checks its own database; a dead letter may wait for its test."""
    for row in SERVICES:
        answer = load.till.reader.get(f"/v1/ops/{row.upstream}/invariants")
        for rule in answer.get("invariants", ()):
            if not rule.get("holds"):
                yield f"{row.upstream} {rule['name']}: {rule.get('findings', rule['statement'])}"


def _books(load: Load) -> Iterator[str]:
    """I8, and money: what the provider took, gave back, kept and paid out is what the ledger shows."""
    if (trial := books.trial_balance(load.till.reader)) != "balanced":
        yield f"I8: {trial}"
    currencies = load.till.reader.get("/v1/ledger/trial-balance").get("currencies", ())
    booked = sum(int(row["balance_minor_units"]) for one in currencies for row in one["accounts"] if row["account"] in CASH)
    taken = _sum(load, "payment_intents") - _sum(load, "refunds")
    if taken != booked:
        yield f"I10: the provider has taken {taken}, the accounts {CASH} show {booked}"


def _sum(load: Load, plural: str) -> int:
    """What the payment provider lists as SUCCEEDED, in minor units."""
    total, after = 0, 0
    url = f"http://127.0.0.1:{load.ground.row('psp').port}/v1/{plural}"
    while after is not None:
        answer = httpx2.get(url, params={"limit": 1000, "after": after}, headers=PROVIDER_KEY, trust_env=False).json()
        moved = (row.get("received_minor_units", row["minor_units"]) for row in answer["data"] if row["state"] == "SUCCEEDED")
        total += sum(moved)
        after = answer["next"]
    return total
