"""Numbers of invoices and credit notes."""

from __future__ import annotations

from billing_svc.domain.numbering import CREDIT_NOTE, INVOICE, Counter


def test_numbers_follow_one_another_within_a_year() -> None:
    first = Counter(INVOICE, 0, 0).drawn(2026)
    assert [first.text, first.drawn(2026).text] == ["INV-2026-000001", "INV-2026-000002"]
    assert Counter(CREDIT_NOTE, 2026, 41).drawn(2026).text == "CN-2026-000042"


def test_a_new_year_begins_at_one_and_an_old_one_never_again() -> None:
    new = Counter(INVOICE, 2026, 812).drawn(2027)
    assert new.text == "INV-2027-000001"
    assert new.drawn(2026).text == "INV-2027-000002", "a clock that goes back makes no number twice"


def test_long_series_keep_their_digits() -> None:
    assert Counter(INVOICE, 2026, 999_999).drawn(2026).text == "INV-2026-1000000"
