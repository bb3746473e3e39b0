"""What two claims differ in: money, and nothing else."""

from __future__ import annotations

import pytest

from billing_svc.domain.reconciliation import PAYMENTS, REFUNDS, Claim, DifferenceKind, difference

PAID = Claim("SUCCEEDED", ("EUR", 3_600))
OPEN = Claim("PENDING", is_under_way=True)
DECLINED, CANCELED = Claim("DECLINED"), Claim("CANCELED")


@pytest.mark.parametrize(
    ("ours", "theirs", "kind"),
    [
        (PAID, PAID, None),
        (PAID, Claim("SUCCEEDED", ("EUR", 3_599)), DifferenceKind.PAYMENT_DIFFERS),
        (PAID, Claim("SUCCEEDED", ("USD", 3_600)), DifferenceKind.PAYMENT_DIFFERS),
        (PAID, DECLINED, DifferenceKind.PAYMENT_DIFFERS),
        (DECLINED, PAID, DifferenceKind.PAYMENT_DIFFERS),
        (PAID, None, DifferenceKind.PAYMENT_UNKNOWN_TO_PROVIDER),
        (None, PAID, DifferenceKind.PAYMENT_UNKNOWN_TO_US),
        *((ours, theirs, None) for ours in (None, DECLINED, CANCELED) for theirs in (None, DECLINED, CANCELED)),
        *((OPEN, theirs, None) for theirs in (None, PAID, DECLINED, OPEN)),
        *((ours, OPEN, None) for ours in (None, PAID, DECLINED)),
    ],
)
def test_only_money_that_is_not_under_way_is_compared(
    ours: Claim | None, theirs: Claim | None, kind: DifferenceKind | None
) -> None:
    assert difference(PAYMENTS, ours, theirs) == kind


def test_a_refund_of_another_payment_is_another_refund() -> None:
    ours, theirs = (Claim("SUCCEEDED", ("EUR", 100), of) for of in ("p-1", "p-2"))
    assert difference(REFUNDS, ours, theirs) is DifferenceKind.REFUND_DIFFERS
    assert difference(REFUNDS, ours, ours) is None
