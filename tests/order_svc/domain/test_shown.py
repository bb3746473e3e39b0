"""The four facts a client sees, by the words of domain.md."""

from __future__ import annotations

import pytest

from order_svc.domain.facts import Attempt, Fact, Outcome, PaymentMoved
from order_svc.domain.shown import show
from tests.order_svc.builders import (
    BACKORDERED,
    DECLINED_FINALLY,
    DECLINED_SOFT,
    EXPIRED,
    GRANTED,
    INVOICED,
    LATE_MONEY,
    NOT_REQUIRED,
    PAID,
    PAYMENT_ID,
    PENDING,
    REJECTED,
    RELEASED,
    REQUESTED,
    RESERVED,
    SECOND_PAYMENT_ID,
    UNKNOWN,
    UNKNOWN_ITEM,
    VOIDED,
    an_order,
    closed,
)

REFUNDED = closed(Outcome.REFUNDED, 1, PAYMENT_ID)
REFUND_FAILED = closed(Outcome.REFUND_FAILED, 1, PAYMENT_ID)
SECOND_PENDING = PaymentMoved(2, Attempt.PENDING, SECOND_PAYMENT_ID)

RESERVATIONS = [((), "AWAITED"), ((BACKORDERED,), "BACKORDERED"), ((BACKORDERED, RESERVED), "RESERVED")]
RESERVATIONS += [
    ((UNKNOWN_ITEM,), "UNKNOWN_ITEM"),
    ((RESERVED, RELEASED), "RELEASED"),
    ((UNKNOWN_ITEM, RELEASED), "UNKNOWN_ITEM"),
]
INVOICES = [((), "AWAITED"), ((INVOICED,), "OPEN"), ((INVOICED, PAID), "PAID"), ((INVOICED, VOIDED), "VOID")]
INVOICES += [
    ((INVOICED, LATE_MONEY), "OPEN"),
    ((INVOICED, PAID, REFUNDED), "CREDITED"),
    ((INVOICED, PAID, REFUND_FAILED), "CREDITED"),
]
INVOICES += [((INVOICED, VOIDED, LATE_MONEY, REFUNDED), "VOID"), ((closed(Outcome.NEVER_ISSUED),), "AWAITED")]
PAYMENTS = [((), "AWAITED"), ((PENDING,), "PENDING"), ((UNKNOWN,), "UNKNOWN"), ((DECLINED_SOFT,), "FAILED")]
PAYMENTS += [
    ((DECLINED_FINALLY,), "FAILED"),
    ((PAID,), "PAID"),
    ((DECLINED_FINALLY, PAID), "PAID"),
    ((PAID, DECLINED_FINALLY), "PAID"),
]
PAYMENTS += [((DECLINED_SOFT, SECOND_PENDING), "PENDING"), ((PAID, REFUNDED), "REFUNDED"), ((PAID, REFUND_FAILED), "PAID")]
APPROVALS = [((), "AWAITED"), ((NOT_REQUIRED,), "NOT_REQUIRED"), ((REQUESTED,), "PENDING"), ((REQUESTED, GRANTED), "GRANTED")]
APPROVALS += [((REJECTED,), "REJECTED"), ((EXPIRED,), "EXPIRED"), ((GRANTED, REQUESTED), "GRANTED")]

ROWS = [
    (name, known, value)
    for name, rows in (("reservation", RESERVATIONS), ("invoice", INVOICES), ("payment", PAYMENTS), ("approval", APPROVALS))
    for known, value in rows
]


@pytest.mark.parametrize(("name", "known", "value"), ROWS)
def test_a_fact_is_shown_in_the_clients_words(name: str, known: tuple[Fact, ...], value: str) -> None:
    assert getattr(show(an_order(*known).known), name) == value
