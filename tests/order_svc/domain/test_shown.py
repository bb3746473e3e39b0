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

ROWS: list[tuple[str, tuple[Fact, ...], str]] = [
    ("reservation", (), "AWAITED"),
    ("reservation", (BACKORDERED,), "BACKORDERED"),
    ("reservation", (BACKORDERED, RESERVED), "RESERVED"),
    ("reservation", (RESERVED, BACKORDERED), "RESERVED"),
    ("reservation", (UNKNOWN_ITEM,), "UNKNOWN_ITEM"),
    ("reservation", (RESERVED, RELEASED), "RELEASED"),
    ("reservation", (UNKNOWN_ITEM, RELEASED), "UNKNOWN_ITEM"),
    ("invoice", (), "AWAITED"),
    ("invoice", (INVOICED,), "OPEN"),
    ("invoice", (INVOICED, LATE_MONEY), "OPEN"),
    ("invoice", (INVOICED, PAID), "PAID"),
    ("invoice", (INVOICED, VOIDED), "VOID"),
    ("invoice", (INVOICED, PAID, REFUNDED), "CREDITED"),
    ("invoice", (INVOICED, PAID, REFUND_FAILED), "CREDITED"),
    ("invoice", (INVOICED, VOIDED, LATE_MONEY, REFUNDED), "VOID"),
    ("invoice", (closed(Outcome.NEVER_ISSUED),), "AWAITED"),
    ("payment", (), "AWAITED"),
    ("payment", (PENDING,), "PENDING"),
    ("payment", (UNKNOWN,), "UNKNOWN"),
    ("payment", (DECLINED_SOFT,), "FAILED"),
    ("payment", (DECLINED_FINALLY,), "FAILED"),
    ("payment", (PAID,), "PAID"),
    ("payment", (DECLINED_FINALLY, PAID), "PAID"),
    ("payment", (PAID, DECLINED_FINALLY), "PAID"),
    ("payment", (DECLINED_SOFT, SECOND_PENDING), "PENDING"),
    ("payment", (PAID, REFUNDED), "REFUNDED"),
    ("payment", (PAID, REFUND_FAILED), "PAID"),
    ("approval", (), "AWAITED"),
    ("approval", (NOT_REQUIRED,), "NOT_REQUIRED"),
    ("approval", (REQUESTED,), "PENDING"),
    ("approval", (REQUESTED, GRANTED), "GRANTED"),
    ("approval", (GRANTED, REQUESTED), "GRANTED"),
    ("approval", (REJECTED,), "REJECTED"),
    ("approval", (EXPIRED,), "EXPIRED"),
]


@pytest.mark.parametrize(("name", "known", "value"), ROWS)
def test_a_fact_is_shown_in_the_clients_words(name: str, known: tuple[Fact, ...], value: str) -> None:
    assert getattr(show(an_order(*known).known), name) == value
