"""Every row of the posting table, and what is no journal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_svc.domain import ledger
from billing_svc.domain.errors import UnbalancedJournal
from billing_svc.domain.ledger import Credited, Entry, Journal, JournalKind, Journals, Subject
from chassis.money import Money
from tests.billing_svc.builders import FULFILLMENT_ID, MOVEMENT_ID, ORDER_ID, eur

ABOUT = Subject(ORDER_ID, "invoice")
N, T = eur(3_000), eur(600)


def _posted(journals: Journals) -> dict[str, int]:
    (journal,) = journals
    return {entry.account: entry.amount for entry in journal.entries}


@pytest.mark.parametrize(
    ("journals", "ref", "expected"),
    [
        (ledger.invoice_issued(ORDER_ID, "i", N, T), f"inv/{ORDER_ID}", {"1100": 3_600, "2300": -3_000, "2000": -600}),
        (ledger.invoice_issued(ORDER_ID, "i", N, eur(0)), f"inv/{ORDER_ID}", {"1100": 3_000, "2300": -3_000}),
        (ledger.payment_received(ABOUT, "p", eur(3_600), 3_600), "pay/p", {"1000": 3_600, "1100": -3_600}),
        (ledger.payment_received(ABOUT, "p", eur(4_000), 3_600), "pay/p", {"1000": 4_000, "1100": -3_600, "2100": -400}),
        (ledger.payment_received(ABOUT, "p", eur(3_600), 0), "pay/p", {"1000": 3_600, "2100": -3_600}),
        (ledger.unapplied_cash_owed(ABOUT, "p", eur(400)), "unapplied/p", {"2100": 400, "2200": -400}),
        (ledger.revenue_earned(ABOUT, FULFILLMENT_ID, eur(1_000)), f"rev/{FULFILLMENT_ID}", {"2300": 1_000, "4000": -1_000}),
        (ledger.stock_shipped(ORDER_ID, FULFILLMENT_ID, eur(5)), f"ship/{FULFILLMENT_ID}", {"5000": 5, "1200": -5}),
        (ledger.stock_received(MOVEMENT_ID, eur(9)), f"stock/{MOVEMENT_ID}", {"1200": 9, "2050": -9}),
        (ledger.stock_adjusted(MOVEMENT_ID, eur(9)), f"stock/{MOVEMENT_ID}", {"1200": 9, "5300": -9}),
        (ledger.stock_adjusted(MOVEMENT_ID, eur(-9)), f"stock/{MOVEMENT_ID}", {"1200": -9, "5300": 9}),
        (ledger.invoice_voided(ORDER_ID, "i", N, T), f"void/{ORDER_ID}", {"2300": 3_000, "2000": 600, "1100": -3_600}),
        (ledger.refund_succeeded(ABOUT, "r", eur(400)), "refund/r", {"2200": 400, "1000": -400}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_fact_posts_its_row(journals: Journals, ref: str, expected: dict[str, int]) -> None:
    assert _posted(journals) == expected
    assert journals[0].ref == ref


@pytest.mark.parametrize(
    ("outstanding", "expected"),
    [
        (0, {"2300": 3_000, "2000": 600, "2200": -3_600}),
        (3_600, {"2300": 3_000, "2000": 600, "1100": -3_600}),
        (1_000, {"2300": 3_000, "2000": 600, "1100": -1_000, "2200": -2_600}),
        (3_200, {"2300": 3_000, "2000": 600, "1100": -3_200, "2200": -400}),
    ],
)
def test_a_credit_note_credits_what_is_outstanding_first(outstanding: int, expected: dict[str, int]) -> None:
    assert _posted(ledger.credit_note_issued(ABOUT, "c", Credited(N, T, eur(outstanding), ledger.DEFERRED_REVENUE))) == expected


def test_voiding_is_the_exact_reversal_of_issuing() -> None:
    issued, voided = _posted(ledger.invoice_issued(ORDER_ID, "i", N, T)), _posted(ledger.invoice_voided(ORDER_ID, "i", N, T))
    assert voided == {account: -amount for account, amount in issued.items()}


def test_nothing_to_post_is_no_journal() -> None:
    assert ledger.invoice_issued(ORDER_ID, "i", eur(0), eur(0)) == ()
    assert ledger.stock_received(MOVEMENT_ID, eur(0)) == ()
    assert ledger.stock_adjusted(MOVEMENT_ID, eur(0)) == ()


def test_a_shipment_is_posted_in_the_currency_of_the_stock() -> None:
    (journal,) = ledger.stock_shipped(ORDER_ID, FULFILLMENT_ID, Money("USD", 7))
    assert journal.currency_code == "USD"


@pytest.mark.parametrize(
    "entries",
    [(), (Entry("1000", 5),), (Entry("1000", 5), Entry("1100", -4)), (Entry("1000", 0), Entry("1100", 0))],
    ids=["empty", "one entry", "unbalanced", "zeros"],
)
def test_what_does_not_balance_cannot_be_built(entries: tuple[Entry, ...]) -> None:
    with pytest.raises(UnbalancedJournal):
        Journal("x/1", JournalKind.PAYMENT, ABOUT, "EUR", entries)


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_credit_note_always_balances(net: int, tax: int, outstanding: int) -> None:
    for journal in ledger.credit_note_issued(ABOUT, "c", Credited(eur(net), eur(tax), eur(outstanding), ledger.ALLOWANCES)):
        assert sum(entry.amount for entry in journal.entries) == 0


def test_the_chart_has_each_account_once_in_order() -> None:
    numbers = [number for number, _name, _kind in ledger.ACCOUNTS]
    assert numbers == sorted(set(numbers))
