"""docs/billing.md: the worked example is recomputed by the domain, row by row."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from billing_svc.domain import allowance, collecting, facts, invoicing, refunding
from billing_svc.domain.invoice import CreditedLine, CreditReason, Line, LineCancellation, Person, Terms
from billing_svc.domain.ledger import ACCOUNTS
from billing_svc.domain.order_account import Change, Moment, OrderAccount
from billing_svc.domain.provider_call import Answer, Outcome
from chassis.money import Money, half_even
from tests.docs.pages import page

PRICE, UNITS, DISCOUNT, TAX = 2_390, 10, 2_500, 2_000
MOMENT = Moment(datetime(2026, 11, 29, tzinfo=UTC), lambda: str(uuid.uuid4()))
BUYER = Person("issuer", "buyer", "buyer")
NET = half_even(PRICE * UNITS * (10_000 - DISCOUNT), 10_000)
VAT = half_even(NET * TAX, 10_000)


def _eur(minor_units: int) -> Money:
    return Money("EUR", minor_units)


def _share(start: int, end: int) -> CreditedLine:
    """What units from `start` to `end` carry of the line: cumulative shares, half even, as order_svc computes them."""
    net = half_even(NET * end, UNITS) - half_even(NET * start, UNITS)
    tax = half_even(VAT * end, UNITS) - half_even(VAT * start, UNITS)
    return CreditedLine(1, "LAMP-01", end - start, _eur(net), _eur(tax))


def _example() -> list[Change]:
    """Ten lamps: invoiced, paid, 3 and 4 shipped, the rest cancelled, one of those shipped credited, both given back."""
    line = Line(1, "LAMP-01", UNITS, _eur(PRICE), DISCOUNT, TAX, _eur(NET), _eur(VAT))
    terms = Terms("cust-1001", "EUR", "pm_ok", MOMENT.now, (line,))
    account = invoicing.reserve(invoicing.place(OrderAccount("order"), facts.OrderPlaced("order", BUYER, terms)))
    changes = [invoicing.issue(account, "INV-2026-000001", "CN-2026-000001", MOMENT)]
    payment_id = changes[0].account.attempts[0].payment_id
    why = allowance.Why(CreditReason.DAMAGED, "", BUYER)
    rest = LineCancellation("rest", (_share(7, 10),))
    steps: tuple[Callable[[OrderAccount], Change], ...] = (
        lambda it: collecting.hear_payment(it, payment_id, Answer(Outcome.SUCCEEDED), MOMENT),
        lambda it: invoicing.ship(it, facts.OrderShipped("order", "f1", _share(0, 3).net, (_share(0, 3),))),
        lambda it: invoicing.ship(it, facts.OrderShipped("order", "f2", _share(3, 7).net, (_share(3, 7),))),
        lambda it: invoicing.cancel_lines(it, facts.OrderLinesCancelled("order", rest), "CN-2026-000001", MOMENT),
        lambda it: refunding.hear_refund(it, it.refunds[0].refund_id, Answer(Outcome.SUCCEEDED), MOMENT),
        lambda it: allowance.credit_units(it, {1: 1}, "CN-2026-000002", why, MOMENT)[0],
        lambda it: refunding.hear_refund(it, it.refunds[1].refund_id, Answer(Outcome.SUCCEEDED), MOMENT),
    )
    for step in steps:
        changes.append(step(changes[-1].account))
    return changes


def _columns(change: Change) -> dict[str, int]:
    sums: dict[str, int] = {}
    for entry in (entry for journal in change.journals for entry in journal.entries):
        sums[entry.account] = sums.get(entry.account, 0) + entry.amount
    return {account: amount for account, amount in sums.items() if amount}


def _table() -> tuple[list[str], list[tuple[str, dict[str, int]]]]:
    """The example's table: the accounts of its columns, and each row with its signed amounts in minor units."""
    text = page("docs/billing.md").text
    lines = [line for line in text[text.index("## One order in the books") :].splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    accounts = rows[0][1:]
    amounts = [(row[0], {a: _minor(cell) for a, cell in zip(accounts, row[1:], strict=True) if cell}) for row in rows[2:]]
    return accounts, amounts


def _minor(text: str) -> int:
    assert re.fullmatch(r"-?[0-9]+\.[0-9]{2}", text), text
    return int(text.replace(".", ""))


def test_every_row_is_what_the_domain_posts() -> None:
    _accounts, rows = _table()
    assert [amounts for _, amounts in rows[:-1]] == [_columns(change) for change in _example()]


def test_the_last_row_adds_up_the_others_and_to_nothing() -> None:
    _accounts, rows = _table()
    sums: dict[str, int] = {}
    for _, amounts in rows[:-1]:
        for account, amount in amounts.items():
            sums[account] = sums.get(account, 0) + amount
    assert rows[-1][1] == {account: amount for account, amount in sums.items() if amount}
    assert sum(rows[-1][1].values()) == 0


def test_what_was_kept_and_what_was_given_back_is_what_was_paid() -> None:
    account = _example()[-1].account
    assert account.invoice
    back = sum(refund.amount.minor_units for refund in account.refunds)
    kept = account.invoice.total.minor_units - account.invoice.credited.minor_units
    assert (back + kept, account.invoice.outstanding.minor_units) == (account.invoice.paid.minor_units, 0)


def test_the_page_names_every_account() -> None:
    text = page("docs/billing.md").text
    for number, name, _kind in ACCOUNTS:
        assert f"{number} {name}" in text
