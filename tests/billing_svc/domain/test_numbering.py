"""Numbers that people use."""

from __future__ import annotations

from billing_svc.domain.numbering import CREDIT_NOTE, INVOICE, Counter


def test_a_series_counts_by_one() -> None:
    counter = Counter(INVOICE, 0).drawn()
    assert [counter.text, counter.drawn().text] == ["INV-000001", "INV-000002"]


def test_a_number_may_grow_beyond_its_padding() -> None:
    assert Counter(CREDIT_NOTE, 1_234_567).text == "CN-1234567"
