"""The cross-service invariants of one order: what agrees passes, each kind of disagreement is found by its own rule."""

from __future__ import annotations

from typing import Any

import pytest

from cli.auditing.evidence import Evidence
from cli.auditing.judgement import JUDGEMENTS

NET, TAX, TOTAL = 5997, 1199, 7196
PAID = [("1000", TOTAL), ("2300", -NET), ("2000", -TAX)]
PARTS = [("1000", TOTAL), ("2300", -NET + 1999), ("4000", -1999), ("2000", -TAX)]
SOLD = [("1000", TOTAL), ("4000", -NET), ("2000", -TAX)]
OWED = [("1100", TOTAL), ("2300", -NET), ("2000", -TAX)]


def euros(cents: int) -> dict[str, Any]:
    return {"currency_code": "EUR", "minor_units": cents}


def a_journal(*balances: tuple[str, int]) -> dict[str, Any]:
    sides = [(account, "DEBIT" if units > 0 else "CREDIT", abs(units)) for account, units in balances]
    return {"entries": [{"account": account, "side": side, "amount": euros(units)} for account, side, units in sides]}


def a_payment(state: str, came: int = TOTAL) -> dict[str, Any]:
    """An attempt; where it succeeded, what came in was all applied."""
    money = {"received": euros(came), "applied": euros(came)} if state == "SUCCEEDED" else {}
    return {"state": state, "amount": euros(TOTAL), **money}


def evidence(state: str, *, settlement: str = "", **parts: Any) -> Evidence:
    """An order of 71.96 EUR in this state, three units in one line, with the `parts` that are named."""
    units = {"quantity": 3, "quantity_shipped": parts.get("shipped", 0), "quantity_cancelled": parts.get("cancelled", 0)}
    line = {"net": euros(NET), "tax": euros(TAX), **units}
    order = {"order_id": "o-1", "state": state, "total": euros(TOTAL), "net": euros(NET), "lines": [line]}
    found = Evidence(order | ({"settlement": settlement} if settlement else {}))
    if "reservation" in parts:
        found.reservations = [{"state": parts["reservation"], "lines": [{"held": parts.get("held", 0)}]}]
    if "invoice" in parts:
        found.invoices = [{"state": parts["invoice"], "total": parts.get("invoiced", euros(TOTAL))}]
    found.payments = [a_payment(state, parts.get("came", TOTAL)) for state in parts.get("payments", ())]
    back = euros(parts.get("back", TOTAL))
    reason = parts.get("reason", "LINES_CANCELLED")
    found.refunds = [{"state": state, "amount": back, "reason": reason} for state in parts.get("refunds", ())]
    found.approvals = [{"state": state} for state in parts.get("approvals", ())]
    found.journals = [a_journal(*parts["books"])] if parts.get("books") else []
    return found


def shipped_in_part(*, held: int) -> Evidence:
    """One of the three units is shipped and earned."""
    money: dict[str, Any] = {"invoice": "PAID", "payments": ["SUCCEEDED"], "books": PARTS}
    return evidence("PARTIALLY_FULFILLED", shipped=1, reservation="PARTIALLY_SHIPPED", held=held, **money)


KEPT_NET, KEPT = 3998, 3998 + 799
CLOSED = [("1000", KEPT), ("4000", -KEPT_NET), ("2000", -799)]


def closed_short(*, settlement: str = "SETTLED", back: int = TOTAL - KEPT, refund: str = "SUCCEEDED", **parts: Any) -> Evidence:
    """Two of the three units are shipped, the third was cancelled and given back."""
    money: dict[str, Any] = {"invoice": "PAID", "payments": ["SUCCEEDED"], "refunds": [refund], "back": back}
    stock: dict[str, Any] = {"reservation": "SHIPPED", "shipped": 2, "cancelled": 1}
    return evidence("FULFILLED", settlement=settlement, **stock, **money, **{"books": CLOSED, **parts})


def broken(found: Evidence) -> set[str]:
    return {name for name, (_, judgement) in JUDGEMENTS.items() if list(judgement(found))}


FINE = {
    "backordered": evidence("BACKORDERED", reservation="BACKORDERED", held=6),
    "payment failed": evidence("PAYMENT_FAILED", reservation="RESERVED", invoice="OPEN", payments=["DECLINED"], books=OWED),
    "payment pending": evidence("AWAITING_PAYMENT", reservation="RESERVED", invoice="OPEN", payments=["PENDING"], books=OWED),
    "awaiting approval": evidence(
        "AWAITING_APPROVAL", reservation="RESERVED", invoice="PAID", payments=["SUCCEEDED"], approvals=["PENDING"], books=PAID
    ),
    "confirmed": evidence(
        "CONFIRMED", reservation="COMMITTED", held=3, invoice="PAID", payments=["DECLINED", "SUCCEEDED"], books=PAID
    ),
    "approved": evidence(
        "CONFIRMED", reservation="COMMITTED", held=3, invoice="PAID", payments=["SUCCEEDED"], approvals=["GRANTED"], books=PAID
    ),
    "shipped in part": shipped_in_part(held=2),
    "fulfilled": evidence("FULFILLED", shipped=3, reservation="SHIPPED", invoice="PAID", payments=["SUCCEEDED"], books=SOLD),
    "an allowance is given back": evidence(
        "FULFILLED",
        shipped=3,
        reservation="SHIPPED",
        invoice="PAID",
        payments=["SUCCEEDED"],
        refunds=["SUCCEEDED"],
        back=600,
        reason="ALLOWANCE",
        books=[("1000", TOTAL - 600), ("4000", -NET), ("4200", 500), ("2000", -TAX + 100)],
    ),
    "half of it came": evidence(
        "PAYMENT_FAILED",
        reservation="RESERVED",
        invoice="PARTIALLY_PAID",
        payments=["SUCCEEDED"],
        came=3_598,
        books=[("1000", 3_598), ("1100", TOTAL - 3_598), ("2300", -NET), ("2000", -TAX)],
    ),
    "closed short": closed_short(),
    "closed short, refund failed": closed_short(
        settlement="FAILED",
        refund="FAILED",
        books=[("1000", TOTAL), ("2200", KEPT - TOTAL), ("4000", -KEPT_NET), ("2000", -799)],
    ),
    "settled unpaid": evidence("CANCELLED", settlement="SETTLED", reservation="RELEASED", invoice="VOID"),
    "settled paid": evidence(
        "CANCELLED",
        settlement="SETTLED",
        reservation="RELEASED",
        invoice="CREDITED",
        payments=["SUCCEEDED"],
        refunds=["SUCCEEDED"],
    ),
    "refund failed": evidence("CANCELLED", settlement="FAILED", payments=["SUCCEEDED"], refunds=["FAILED"]),
}
WRONG = {
    "stuck": (evidence("RESERVED", reservation="RESERVED"), {"I9"}),
    "cancelled, nothing moves": (evidence("CANCELLED", settlement="PENDING"), {"I9"}),
    "confirmed unpaid": (
        evidence("CONFIRMED", reservation="COMMITTED", held=3, invoice="PAID", payments=["DECLINED"], books=PAID),
        {"I10 confirmed", "X ledger"},
    ),
    "paid twice": (
        evidence("CONFIRMED", reservation="COMMITTED", held=3, invoice="PAID", payments=["SUCCEEDED"] * 2, books=PAID),
        {"I10 confirmed", "X ledger"},
    ),
    "confirmed, rejected": (
        evidence(
            "CONFIRMED",
            reservation="COMMITTED",
            held=3,
            invoice="PAID",
            payments=["SUCCEEDED"],
            approvals=["REJECTED"],
            books=PAID,
        ),
        {"I10 confirmed"},
    ),
    "settled, stock held": (evidence("CANCELLED", settlement="SETTLED", reservation="RESERVED", held=3), {"I10 settled"}),
    "settled, money kept": (
        evidence("CANCELLED", settlement="SETTLED", invoice="CREDITED", payments=["SUCCEEDED"]),
        {"I10 settled"},
    ),
    "settled, invoice open": (evidence("CANCELLED", settlement="SETTLED", invoice="OPEN"), {"I10 settled"}),
    "no reservation": (evidence("CONFIRMED", invoice="PAID", payments=["SUCCEEDED"], books=PAID), {"X stock"}),
    "fulfilled, still held": (
        evidence("FULFILLED", shipped=3, reservation="SHIPPED", held=1, invoice="PAID", payments=["SUCCEEDED"], books=SOLD),
        {"X stock"},
    ),
    "no invoice": (evidence("CONFIRMED", reservation="COMMITTED", held=3, payments=["SUCCEEDED"], books=PAID), {"X money"}),
    "invoice too early": (evidence("BACKORDERED", reservation="BACKORDERED", invoice="OPEN"), {"X money"}),
    "invoiced with another total": (
        evidence(
            "CONFIRMED", reservation="COMMITTED", held=3, invoice="PAID", invoiced=euros(1), payments=["SUCCEEDED"], books=PAID
        ),
        {"X money"},
    ),
    "revenue not recognised": (
        evidence("FULFILLED", shipped=3, reservation="SHIPPED", invoice="PAID", payments=["SUCCEEDED"], books=PAID),
        {"X ledger"},
    ),
    "the rest of a shipment is not held": (shipped_in_part(held=1), {"X stock"}),
    "closed short, nothing moves": (closed_short(settlement="PENDING", refund="REQUESTED"), {"I9", "X ledger"}),
    "closed short, too little back": (closed_short(back=1), {"I10 confirmed", "X ledger"}),
    "more allowed than is booked": (
        evidence(
            "FULFILLED",
            shipped=3,
            reservation="SHIPPED",
            invoice="PAID",
            payments=["SUCCEEDED"],
            refunds=["SUCCEEDED"],
            back=500,
            reason="ALLOWANCE",
            books=SOLD,
        ),
        {"X ledger"},
    ),
    "closed short, more earned than shipped": (
        closed_short(books=[("1000", KEPT), ("4000", -NET), ("2000", -799), ("2300", NET - KEPT_NET)]),
        {"X ledger"},
    ),
    "settled, refund owed": (evidence("CANCELLED", settlement="SETTLED", books=[("2200", -5), ("1000", 5)]), {"X ledger"}),
}


@pytest.mark.parametrize("name", FINE)
def test_what_agrees_passes(name: str) -> None:
    assert broken(FINE[name]) == set()


@pytest.mark.parametrize("name", WRONG)
def test_what_disagrees_is_found(name: str) -> None:
    found, rules = WRONG[name]
    assert broken(found) == rules
