"""`atlas invoice …`: what is asked for, what is sent, and where a document goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli.exits import ExitCode
from tests.cli.desk import Desk

EURO = {"currency_code": "EUR", "minor_units": 3_600}
LINE = {"line_number": 1, "sku": "LAMP-01", "quantity": 3, "net": EURO, "tax": EURO, "total": EURO}
INVOICE: dict[str, Any] = {"invoice_id": "i-1", "invoice_number": "INV-000007", "state": "PAID", "total": EURO, "lines": [LINE]}
PDF = ("application/pdf", b"%PDF-1.4 \xff\x00")


def test_list_asks_for_an_order_and_states(desk: Desk) -> None:
    desk.answers += [{"invoices": [INVOICE]}]
    printed = desk.type("invoice", "list", "--order", "o-1", "--state", "OPEN", "--state", "PAID")
    assert desk.sent == [("GET", "/v1/invoices?page_size=20&order_id=o-1&state=OPEN&state=PAID", None)]
    assert "INV-000007" in printed
    assert "36.00 EUR" in printed


def test_show_has_the_lines(desk: Desk) -> None:
    desk.answers += [INVOICE]
    assert "LAMP-01" in desk.type("invoice", "show", "i-1")
    assert desk.sent == [("GET", "/v1/invoices/i-1", None)]


def test_a_document_is_a_file_named_after_the_number(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    desk.answers += [PDF, INVOICE]
    assert desk.type("invoice", "document", "i-1") == "INV-000007.pdf\n"
    assert (tmp_path / "INV-000007.pdf").read_bytes() == PDF[1]
    assert desk.sent == [("GET", "/v1/invoices/i-1/document?format=PDF", None), ("GET", "/v1/invoices/i-1", None)]


def test_a_document_goes_where_it_is_told_in_the_format_that_is_wanted(desk: Desk, tmp_path: Path) -> None:
    desk.answers += [("text/html; charset=utf-8", "<p>ü</p>".encode())]
    target = tmp_path / "page.html"
    desk.type("invoice", "document", "i-1", "--format", "html", "-o", str(target))
    assert target.read_text("utf-8") == "<p>ü</p>"
    assert desk.sent == [("GET", "/v1/invoices/i-1/document?format=HTML", None)]


def test_a_document_can_be_piped_on(desk: Desk) -> None:
    desk.answers += [("text/html; charset=utf-8", b"<p>")]
    assert desk.type("invoice", "document", "i-1", "--format", "html", "-o", "-") == "<p>"


def test_a_file_that_cannot_be_written_is_refused(desk: Desk, tmp_path: Path) -> None:
    desk.answers += [PDF]
    desk.type("invoice", "document", "i-1", "-o", str(tmp_path / "nowhere" / "x.pdf"))
    assert desk.failure is not None
    assert desk.failure.code is ExitCode.USAGE


def test_pay_names_the_method_and_the_next_step(desk: Desk) -> None:
    desk.answers += [{"payment_id": "p-2", "state": "INITIATED", "amount": EURO}]
    printed = desk.type("invoice", "pay", "i-1", "--method", "pm_slow")
    assert desk.sent == [("POST", "/v1/invoices/i-1/payments", {"payment_method": "pm_slow"})]
    assert printed.endswith("see what became of it: atlas payment show p-2\n")


def test_void_sends_why(desk: Desk) -> None:
    desk.answers += [INVOICE]
    desk.type("invoice", "void", "i-1", "--reason", "DUPLICATE", "--comment", "twice")
    assert desk.sent == [("POST", "/v1/invoices/i-1/void", {"reason": "DUPLICATE", "comment": "twice"})]


def test_credit_sends_lines_and_their_units(desk: Desk) -> None:
    note = {"credit_note_id": "c-1", "credit_note_number": "CN-000001", "kind": "ALLOWANCE", "lines": [LINE], "total": EURO}
    desk.answers += [note]
    assert "CN-000001" in desk.type("invoice", "credit", "i-1", "1:2", "3:1", "--reason", "DAMAGED")
    lines = [{"line_number": 1, "quantity": 2}, {"line_number": 3, "quantity": 1}]
    assert desk.sent == [("POST", "/v1/invoices/i-1/credit-notes", {"reason": "DAMAGED", "comment": "", "lines": lines})]


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (("pay", "i-1", "--method", "pm_ok"), {"payment_id": "p-2", "state": "INITIATED", "amount": EURO}),
        (("void", "i-1", "--reason", "DUPLICATE", "--comment", "twice"), INVOICE),
        (("credit", "i-1", "1:2", "--reason", "LATE"), {"credit_note_id": "c-1", "lines": []}),
    ],
)
def test_what_changes_an_invoice_is_asked_under_the_key_that_is_given(
    desk: Desk, arguments: tuple[str, ...], answer: Any
) -> None:
    desk.answers += [answer, answer]
    desk.type("invoice", *arguments, "--key", "k-1")
    desk.type("invoice", *arguments)
    named, made = desk.keys
    assert named == "k-1"
    assert made not in {None, "k-1"}


@pytest.mark.parametrize("units", ["1", "1:-2", "x:1"])
def test_units_that_cannot_be_read_are_refused_before_anything_is_sent(desk: Desk, units: str) -> None:
    desk.type("invoice", "credit", "i-1", "--reason", "LATE", "--", units)
    assert desk.failure is not None
    assert (desk.failure.code, desk.sent) == (ExitCode.USAGE, [])
