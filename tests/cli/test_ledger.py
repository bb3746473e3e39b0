"""`atlas ledger …`: what is asked for, what people read, and how it ends when something is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cli.exits import ExitCode
from cli.ledger import entries_text
from tests.cli.desk import Desk

FINDING = {"journal_id": "j-1", "finding": "its hash is not that of its entries"}
DIFFERENCE = {"kind": "PAYMENT_DIFFERS", "resource_id": "p-1", "ours": "SUCCEEDED 36.00 EUR", "theirs": "DECLINED"}


def part(sequence: int, following: int | None, *findings: Any) -> dict[str, Any]:
    """One answer of VerifyLedger over 100 journals."""
    said = {"verified": not findings, "journals_checked": 100, "head_hash": f"hash-{sequence}", "head_sequence": sequence}
    return said | {"findings": list(findings)} | ({} if following is None else {"next_sequence": following})


def test_verify_goes_on_until_the_chain_ends(desk: Desk) -> None:
    desk.answers += [part(100, 100), part(200, 200), part(300, None)]
    printed = desk.type("ledger", "verify")
    assert desk.sent == [("POST", "/v1/ledger/verify", {"after_sequence": number}) for number in (0, 100, 200)]
    assert desk.failure is None
    assert printed == "every journal is as it was written\n300 journals read; head 300 hash-300\n"


def test_verify_of_an_empty_ledger_ends_well(desk: Desk) -> None:
    desk.answers += [{"verified": True, "journals_checked": 0, "head_hash": "", "findings": [], "head_sequence": 0}]
    assert desk.type("ledger", "verify").endswith("0 journals read\n")
    assert desk.failure is None


def test_verify_names_what_is_wrong_in_any_part_and_fails(desk: Desk) -> None:
    desk.answers += [part(100, 100, FINDING), part(200, None)]
    printed = desk.type("ledger", "verify")
    assert "j-1" in printed
    assert FINDING["finding"] in printed
    assert desk.failure is not None
    assert desk.failure.code is ExitCode.FAILED


def test_verify_in_json_is_one_answer(desk: Desk) -> None:
    desk.answers += [part(100, 100, FINDING), part(200, None, FINDING)]
    assert json.loads(desk.type("ledger", "verify", "--json")) == {
        "verified": False,
        "journals_checked": 200,
        "head_hash": "hash-200",
        "head_sequence": 200,
        "findings": [FINDING, FINDING],
    }
    assert desk.failure is not None


def test_reconcile_counts_what_agrees(desk: Desk) -> None:
    counts = {"invoices_checked": 1_200, "payments_checked": 3, "refunds_checked": 0}
    desk.answers += [{"reconciled": True, "differences": [], **counts}]
    assert desk.type("ledger", "reconcile") == "everything agrees\ncompared: 1,200 invoices, 3 payments, 0 refunds\n"
    assert desk.sent == [("POST", "/v1/ledger/reconcile", {})]
    assert desk.failure is None


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_reconcile_names_differences_and_fails(desk: Desk, options: tuple[str, ...]) -> None:
    counts = {"invoices_checked": 1, "payments_checked": 1, "refunds_checked": 1}
    desk.answers += [{"reconciled": False, "differences": [DIFFERENCE], **counts}]
    printed = desk.type("ledger", "reconcile", *options)
    assert all(text in printed for text in DIFFERENCE.values())
    assert desk.failure is not None
    assert desk.failure.code is ExitCode.FAILED


def a_balance(*, balanced: bool) -> dict[str, Any]:
    """A trial balance with one account."""
    sums = {"debit_minor_units": 3_600, "credit_minor_units": 100, "balance_minor_units": 3_500}
    currency = {"currency_code": "EUR", "balanced": balanced, "accounts": [{"account": "1100", "name": "Receivable", **sums}]}
    return {"as_of": "2030-01-01T00:00:00.000Z", "currencies": [currency]}


def test_balance_shows_each_account_as_of_a_time(desk: Desk) -> None:
    desk.answers += [a_balance(balanced=True)]
    printed = desk.type("ledger", "balance", "--as-of", "2030-01-01T00:00:00Z")
    assert desk.sent == [("GET", "/v1/ledger/trial-balance?as_of=2030-01-01T00%3A00%3A00Z", None)]
    assert printed.splitlines()[1].split() == ["1100", "Receivable", "36.00", "EUR", "1.00", "EUR", "35.00", "EUR"]
    assert desk.failure is None


def test_balance_of_an_unbalanced_ledger_fails(desk: Desk) -> None:
    desk.answers += [a_balance(balanced=False)]
    desk.type("ledger", "balance")
    assert desk.sent == [("GET", "/v1/ledger/trial-balance", None)]
    assert desk.failure is not None
    assert "EUR" in desk.failure.what


def test_journals_are_asked_for_by_everything_that_is_named(desk: Desk) -> None:
    desk.answers += [{"journals": []}]
    options = ("--order", "o-1", "--invoice", "i-1", "--account", "1100", "--limit", "7")
    assert desk.type("ledger", "journals", *options) == "no journals\n"
    assert desk.sent == [("GET", "/v1/ledger/journals?page_size=7&order_id=o-1&invoice_id=i-1&account=1100", None)]


def test_a_journal_is_one_line() -> None:
    amounts = [{"currency_code": "EUR", "minor_units": units} for units in (3_600, 3_600)]
    entries = [{"account": "1000", "side": "DEBIT", "amount": amounts[0]}]
    entries += [{"account": "1100", "side": "CREDIT", "amount": amounts[1]}]
    assert entries_text(entries) == "1000 Dr 36.00 EUR, 1100 Cr 36.00 EUR"
