"""The invariants find what is wrong: each is broken once, below the application."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests.billing_svc.builders import inventory_reserved, order_cancelled, order_placed
from tests.billing_svc.till import Till, new_order_id

POST = """
INSERT INTO journal (journal_id, ref, kind, order_id, invoice_id, post_time)
    SELECT '{id}', 'x/{id}', '{kind}', order_id, invoice_id, now() FROM invoice WHERE state = 'PAID' LIMIT 1;
INSERT INTO entry VALUES ('{id}', 1, '{debit}', 'EUR', 5), ('{id}', 2, '{credit}', 'EUR', -5)
"""
SET_BACK = "ALTER TABLE entry DISABLE TRIGGER ALL; UPDATE entry SET amount = amount + 1 WHERE account = '1000'"
RESEAL = "ALTER TABLE seal DISABLE TRIGGER ALL; UPDATE seal SET hash = previous_hash WHERE sequence = 2"


def _journal(debit: str, credit: str, kind: str = "PAYMENT") -> str:
    return POST.format(id=uuid.uuid4(), kind=kind, debit=debit, credit=credit)


@pytest.fixture(scope="module")
def till(new_till: Callable[[], Till]) -> Till:
    """A service with one order paid and one refunded."""
    till = new_till()
    paid, refunded = new_order_id(), new_order_id()
    till.settle(*[event for o in (paid, refunded) for event in (order_placed(o), inventory_reserved(o))])
    till.settle(order_cancelled(refunded))
    assert till.seal()
    return till


def test_nothing_is_found_where_nothing_is_wrong(till: Till) -> None:
    assert till.findings() == []


@pytest.mark.parametrize(
    ("breach", "names"),
    [
        (SET_BACK, {"I8.journals", "I8.trial-balance", "I8.chain", "ledger.balances"}),
        (RESEAL, {"I8.chain"}),
        ("UPDATE balance SET credit = credit + 1, debit = debit + 1 WHERE span = 'HOUR'", {"ledger.balances"}),
        ("UPDATE balance SET credit = credit + 1 WHERE span = 'ALL'", {"I8.chain", "ledger.balances"}),
        ("DELETE FROM balance WHERE span = 'MINUTE'", {"ledger.balances"}),
        (_journal("1100", "1000"), {"ledger.1100"}),
        (_journal("1000", "2200"), {"ledger.2200"}),
        (_journal("1000", "2100"), {"ledger.2100"}),
        (_journal("1000", "2300"), {"ledger.2300"}),
        (_journal("1200", "2050"), {"ledger.1200"}),
        ("UPDATE refund SET amount = amount + 1", {"refunds"}),
        ("UPDATE counter SET last_number = last_number + 1", {"numbers"}),
        ("UPDATE invoice SET state = 'OPEN' WHERE state = 'PAID'", {"I9.state"}),
        ("UPDATE payment SET state = 'DECLINED'", {"I9.state"}),
    ],
)
def test_each_breach_is_found(till: Till, breach: str, names: set[str]) -> None:
    with till.application.database.connect() as connection:
        for statement in breach.split(";"):
            connection.execute(sa.text(statement))
        found = till.application.blueprint.invariants(connection)
        connection.rollback()
    assert {finding.name for finding in found if finding.wrong} == names
    assert all(finding.checked for finding in found)
