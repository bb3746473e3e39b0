"""The cross-service invariants of one order: pure functions from evidence to findings.

They hold at rest: while an order is on its way the services know different things, so a finding counts only when it stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cli.auditing.evidence import Evidence

CONFIRMED = ("CONFIRMED", "PARTIALLY_FULFILLED", "FULFILLED")
BEFORE_INVOICE = ("PLACED", "BACKORDERED", "RESERVED")
VISIBLY_WAITING = ("BACKORDERED", "PAYMENT_FAILED", "AWAITING_APPROVAL", "CONFIRMED", "PARTIALLY_FULFILLED", "FULFILLED")
OPEN_PAYMENTS = ("INITIATED", "PENDING", "UNKNOWN")
HOLDING = {
    "BACKORDERED": ("BACKORDERED",),
    "RESERVED": ("RESERVED",),
    "AWAITING_PAYMENT": ("RESERVED",),
    "PAYMENT_FAILED": ("RESERVED",),
    "AWAITING_APPROVAL": ("RESERVED",),
    "CONFIRMED": ("COMMITTED",),
    "PARTIALLY_FULFILLED": ("PARTIALLY_SHIPPED",),
    "FULFILLED": ("SHIPPED",),
}
INVOICED = {
    "AWAITING_PAYMENT": ("OPEN", "PARTIALLY_PAID"),
    "PAYMENT_FAILED": ("OPEN", "PARTIALLY_PAID"),
    "AWAITING_APPROVAL": ("PAID",),
    "CONFIRMED": ("PAID",),
    "PARTIALLY_FULFILLED": ("PAID",),
    "FULFILLED": ("PAID", "CREDITED"),
}

Judgement = Callable[[Evidence], Iterator[str]]


def at_rest(evidence: Evidence) -> Iterator[str]:
    """I9: every order is terminal, or visibly waits for stock, money or a person."""
    waits_for_money = any(payment["state"] in OPEN_PAYMENTS or "next_attempt_time" in payment for payment in evidence.payments)
    if evidence.settlement:
        is_quiet = evidence.settlement != "PENDING" or waits_for_money
    else:
        is_quiet = evidence.state in VISIBLY_WAITING or (evidence.state == "AWAITING_PAYMENT" and waits_for_money)
    if not is_quiet:
        yield f"is {evidence.state}{f', settlement {evidence.settlement}' if evidence.settlement else ''}, and nothing moves it"


def confirmed(evidence: Evidence) -> Iterator[str]:
    """I10, first half: CONFIRMED means reserved, paid exactly once, and approved where needed."""
    if evidence.state not in CONFIRMED:
        return
    stays = evidence.received - evidence.returned - evidence.owed_back
    if evidence.applied != evidence.total or stays != evidence.kept - evidence.allowed:
        money = f"{evidence.applied} of {evidence.total} was paid, {evidence.received} came in, {evidence.returned} went back"
        yield f"is {evidence.state}: {money}, {evidence.owed_back} will, {evidence.kept - evidence.allowed} should stay"
    states = {approval["state"] for approval in evidence.approvals}
    if not states <= {"GRANTED", "NOT_REQUIRED"}:
        yield f"is {evidence.state} with an approval that is {', '.join(sorted(states))}"


def settled(evidence: Evidence) -> Iterator[str]:
    """I10, second half: CANCELLED and SETTLED means nothing is held and all money is back."""
    if evidence.state != "CANCELLED" or evidence.settlement != "SETTLED":
        return
    if evidence.held:
        yield f"is settled, but {evidence.held} units are held"
    if evidence.received != evidence.returned:
        yield f"is settled, but {evidence.received} came in and {evidence.returned} went back"
    for invoice in evidence.invoices:
        if invoice["state"] not in ("VOID", "CREDITED"):
            yield f"is settled, but its invoice is {invoice['state']}"


def stock(evidence: Evidence) -> Iterator[str]:
    """What inventory holds is what the order's state says."""
    expected = HOLDING.get(evidence.state)
    states = [reservation["state"] for reservation in evidence.reservations]
    if expected and (len(states) != 1 or states[0] not in expected):
        yield f"is {evidence.state}, its reservation is {', '.join(states) or 'missing'}"
    if evidence.state in CONFIRMED and evidence.held != evidence.to_ship:
        yield f"is {evidence.state}, and {evidence.to_ship} units are to be shipped, but {evidence.held} are held"


def money(evidence: Evidence) -> Iterator[str]:
    """What billing invoiced is what the order's state says."""
    states = [invoice["state"] for invoice in evidence.invoices]
    if evidence.state in BEFORE_INVOICE and states:
        yield f"is {evidence.state}, but has an invoice that is {', '.join(states)}"
    expected = INVOICED.get(evidence.state)
    if expected and (len(states) != 1 or states[0] not in expected):
        yield f"is {evidence.state}, its invoice is {', '.join(states) or 'missing'}"
    for invoice in evidence.invoices:
        if invoice["total"] != evidence.order["total"]:
            yield f"costs {evidence.total}, but is invoiced with {invoice['total']['minor_units']}"


def ledger(evidence: Evidence) -> Iterator[str]:
    """The order's journals add up to what its state says."""
    for account, expected in _balances(evidence).items():
        if (actual := evidence.balance(account)) != expected:
            yield f"is {evidence.state}, but its account {account} is {actual}, not {expected}"


def _balances(evidence: Evidence) -> dict[str, int]:
    """Debit minus credit of the order's accounts at rest."""
    cash = {"1000": evidence.received - evidence.returned, "2100": 0, "2200": -evidence.owed_back}
    if evidence.state in CONFIRMED or evidence.state == "AWAITING_APPROVAL":
        return {**cash, "1100": 0, "2300": evidence.earned - evidence.kept_net, "4000": -evidence.earned}
    if evidence.state in ("AWAITING_PAYMENT", "PAYMENT_FAILED"):
        return {**cash, "1100": evidence.total - evidence.applied, "2300": -evidence.net}
    if evidence.settlement == "SETTLED":
        return {"1000": 0, "1100": 0, "2000": 0, "2100": 0, "2200": 0, "2300": 0}
    return {}


JUDGEMENTS: dict[str, tuple[str, Judgement]] = {
    "I9": ("every order is terminal or visibly waiting", at_rest),
    "I10 confirmed": ("CONFIRMED means reserved, paid once, approved where needed", confirmed),
    "I10 settled": ("CANCELLED and SETTLED means nothing is held and all money is back", settled),
    "X stock": ("reservations agree with the states of orders", stock),
    "X money": ("invoices agree with the states and totals of orders", money),
    "X ledger": ("each order's balances agree with its state", ledger),
}
