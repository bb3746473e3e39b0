"""Invoices and credit notes on paper: every figure as the API says it, whatever the lines, and nobody else's."""

from __future__ import annotations

import subprocess
import sys
import time as clock
from typing import Any

import pytest
import sqlalchemy as sa
from fpdf import FPDF
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas.billing.v1 import credit_note_pb2, document_pb2, invoice_pb2
from atlas.common.v1.money_pb2 import Money as MoneyMessage
from billing_svc import documents, html_document, pdf_document, queries
from chassis.errors import NotFound
from chassis.values import time_message
from chassis.world import Actor
from tests.billing_svc.builders import BUYER, NOW, inventory_reserved, order_cancelled, order_placed
from tests.billing_svc.paper import html_page, pdf_pages, pdf_places
from tests.billing_svc.till import Till, new_order_id

PDF, HTML = document_pb2.DOCUMENT_FORMAT_PDF, document_pb2.DOCUMENT_FORMAT_HTML
DECIMALS = {"EUR": 2, "JPY": 0, "BHD": 3}
LARGEST = 2**53 - 1
SUMS = ("net", "tax", "total", "paid", "credited", "refunded", "outstanding")


def amount(units: int, currency: str = "EUR") -> MoneyMessage:
    """An amount on the wire."""
    return MoneyMessage(currency_code=currency, minor_units=units)


def written(units: int, currency: str) -> str:
    """The same amount as it has to stand on paper; another way of writing it than the code's."""
    digits = str(units).zfill(DECIMALS[currency] + 1)
    whole = digits[: len(digits) - DECIMALS[currency]]
    groups = [whole[max(end - 3, 0) : end] for end in range(len(whole), 0, -3)]
    return ",".join(reversed(groups)) + ("." + digits[len(whole) :] if DECIMALS[currency] else "")


def a_line(number: int, units: int = 1_234, currency: str = "EUR", sku: str = "LAMP-01") -> invoice_pb2.InvoiceLine:
    """A line whose figures all differ."""
    money = {name: amount(units + add, currency) for add, name in enumerate(("unit_price", "net", "tax", "total"))}
    return invoice_pb2.InvoiceLine(
        line_number=number, sku=sku, quantity=number, discount_basis_points=1_250, tax_rate_basis_points=2_000, **money
    )


def an_invoice(*lines: invoice_pb2.InvoiceLine, currency: str = "EUR", **changes: Any) -> invoice_pb2.Invoice:
    """An invoice whose sums all differ."""
    sums = {name: amount(100_000 + add, currency) for add, name in enumerate(SUMS)}
    about = {
        "invoice_number": "INV-000007",
        "order_id": "0190a000-0000-7000-8000-000000000001",
        "customer_id": "cust-1",
        "state": invoice_pb2.INVOICE_STATE_PARTIALLY_PAID,
        "issue_time": time_message(NOW),
        "due_time": time_message(NOW.replace(day=15)),
    }
    return invoice_pb2.Invoice(**{**about, **sums, **changes}, lines=lines)


def papers(invoice: invoice_pb2.Invoice) -> tuple[list[list[str]], list[list[str]]]:
    """The rows of an invoice as a PDF and as a page."""
    document = documents.invoice_document(invoice)
    rows = [row for page in pdf_pages(pdf_document.write(document)) for row in page]
    return rows, html_page(html_document.write(document)).rows


def expected(line: invoice_pb2.InvoiceLine) -> list[str]:
    """What has to stand in a line."""
    units = (line.net, line.tax, line.total)
    money = [written(each.minor_units, each.currency_code) for each in units]
    price = written(line.unit_price.minor_units, line.unit_price.currency_code)
    return [str(line.line_number), line.sku, f"{line.quantity:,}", price, "12.5 %", "20 %", *money]


def totals(invoice: invoice_pb2.Invoice) -> list[list[str]]:
    """What has to stand below the lines."""
    sums: list[MoneyMessage] = [getattr(invoice, name) for name in SUMS]
    names = [name.capitalize() for name in SUMS]
    return [[name, f"{written(s.minor_units, s.currency_code)} {s.currency_code}"] for name, s in zip(names, sums, strict=True)]


units = st.integers(0, LARGEST - 3)


@settings(max_examples=60, deadline=None)
@given(st.lists(units, min_size=1, max_size=70), st.sampled_from(list(DECIMALS)), st.lists(units, min_size=7, max_size=7))
def test_every_figure_on_paper_is_that_of_the_invoice(lines: list[int], currency: str, sums: list[int]) -> None:
    of_invoice: dict[str, Any] = {name: amount(each, currency) for name, each in zip(SUMS, sums, strict=True)}
    invoice = an_invoice(*(a_line(n, u, currency) for n, u in enumerate(lines, 1)), **of_invoice)
    wanted = [expected(line) for line in invoice.lines]
    for rows in papers(invoice):
        assert [row for row in rows if row[0].isdigit()] == wanted
        assert [row for row in rows if row[0].lower() in SUMS and len(row) == 2] == totals(invoice)


@pytest.mark.parametrize(("currency", "shown"), [("JPY", "1,234,567"), ("EUR", "12,345.67"), ("BHD", "1,234.567")])
def test_an_amount_has_the_decimals_of_its_currency(currency: str, shown: str) -> None:
    for rows in papers(an_invoice(a_line(1), currency=currency, outstanding=amount(1_234_567, currency))):
        assert ["Outstanding", f"{shown} {currency}"] in rows


def test_more_lines_than_fit_go_on_further_pages_with_their_number_and_the_headings() -> None:
    document = documents.invoice_document(an_invoice(*(a_line(number) for number in range(1, 501))))
    pages = pdf_pages(pdf_document.write(document))
    assert [page[-1] for page in pages] == [[f"Page {number}"] for number in range(1, len(pages) + 1)]
    assert len(pages) > 5
    assert all(page[0] == ["Invoice INV-000007"] for page in pages)
    headings = [column.heading for column in document.columns]
    assert all(headings in page for page in pages)


def test_five_hundred_lines_take_well_under_a_second() -> None:
    document = documents.invoice_document(an_invoice(*(a_line(number) for number in range(1, 501))))
    pdf_document.write(document)
    began = clock.process_time()
    pdf_document.write(document)
    assert clock.process_time() - began < 0.8


def test_the_longest_words_and_amounts_stay_beside_each_other() -> None:
    invoice = an_invoice(a_line(1, LARGEST - 3, sku="W" * 64), customer_id="W" * 300)
    paper, page = papers(invoice)
    assert sum(text.count("W") for row in paper for text in row) == 364
    assert max(text.count("W") for row in paper for text in row if row[0] != "Customer") < 64
    assert [[text for text in row if "W" not in text] for row in paper if row[0] == "1"] == [
        [text for text in expected(invoice.lines[0]) if "W" not in text]
    ]
    assert expected(invoice.lines[0]) in page


@pytest.mark.parametrize("units", [1, LARGEST - 3])
def test_no_text_reaches_into_the_next_one_or_over_the_edge(units: int) -> None:
    invoice = an_invoice(*(a_line(number, units, sku="W" * 64) for number in range(1, 60)), customer_id="W" * 300)
    scale = FPDF()
    scale.set_font(pdf_document.FONT, size=pdf_document.SIZE)
    title, *rows = pdf_places(pdf_document.write(documents.invoice_document(invoice)))
    for row in rows:
        ends = [begin + scale.get_string_width(text) for begin, text in row]
        assert all(end <= following + 0.1 for end, (following, _) in zip(ends, row[1:], strict=False)), row
        assert ends[-1] <= pdf_document.RIGHT + 0.1
        assert row[0][0] >= pdf_document.LEFT - 0.1
    assert title[0][1] == "Invoice INV-000007"


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "&amp; &lt;b&gt;",
    ") Tj ET (",
    "\\) Tj \\",
    "{nb}",
    "a\nb\r\0c\x1b[31m",
    "%PDF endstream endobj",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_customer_wrote_is_text_and_nothing_else(text: str) -> None:
    invoice = an_invoice(a_line(1, sku=text), customer_id=text)
    document = documents.invoice_document(invoice)
    shown = "".join("\ufffd" if ord(character) < 32 else character for character in text)
    page = html_page(html_document.write(document))
    assert shown in page.facts
    assert page.rows[1][1] == shown
    assert page.seen & {"script", "img", "b"} == set()
    rows = [row for pages in pdf_pages(pdf_document.write(document)) for row in pages]
    assert ["Customer", shown.replace("\ufffd", "?")] in rows


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=120))
def test_any_text_can_be_written(text: str) -> None:
    document = documents.invoice_document(an_invoice(a_line(1), customer_id=text))
    (page,) = pdf_pages(pdf_document.write(document))
    customer = dict(document.facts)["Customer"]
    assert html_page(html_document.write(document)).facts[7] == customer
    broken = [row for row in page if row[0] == "Customer"]
    assert len(broken) == 1
    assert broken[0][1:] == [] or customer.encode("cp1252", "replace").decode("cp1252").startswith(broken[0][1])


def test_what_the_fonts_lack_is_a_question_mark_and_a_line_says_so() -> None:
    rows, _ = papers(an_invoice(a_line(1), customer_id="Ünal 你好 ½ 5 €"))
    assert ["Customer", "Ünal ?? ½ 5 €"] in rows
    assert [pdf_document.NOTE] in rows
    assert [pdf_document.NOTE] not in papers(an_invoice(a_line(1), customer_id="Ünal ½ 5 €"))[0]


def test_writing_cannot_be_turned_round() -> None:
    document = documents.invoice_document(an_invoice(a_line(1), customer_id="a\u202eb\u2066c"))
    assert dict(document.facts)["Customer"] == "a\ufffdb\ufffdc"


def test_the_same_document_is_the_same_bytes() -> None:
    document = documents.invoice_document(an_invoice(*(a_line(number) for number in range(1, 90))))
    first = pdf_document.write(document)
    assert first == pdf_document.write(document)
    assert b"/CreationDate (D:20270301120000Z)" in first
    assert html_document.write(document) == html_document.write(document)


def test_fpdf2_is_imported_when_a_pdf_is_wanted() -> None:
    program = (
        "import sys, billing_svc.app; assert 'fpdf' not in sys.modules;"
        "from billing_svc import pdf_document; assert 'fpdf' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# What is stored.

ALL = Actor("http://issuer.test", "finance", "finance", "atlas-cli", frozenset({"billing:read", "orders:read_all"}))


def _reader(subject: str) -> Actor:
    return Actor("http://issuer.test", subject, subject, "atlas-cli", frozenset({"billing:read"}))


@pytest.fixture(scope="module")
def cancelled(till: Till) -> str:
    """An order that was paid, cancelled and refunded."""
    order_id = new_order_id()
    till.settle(order_placed(order_id), inventory_reserved(order_id))
    till.settle(order_cancelled(order_id))
    return order_id


def _stored(till: Till, order_id: str) -> tuple[str, str]:
    account = till.account(order_id)
    assert account.invoice is not None
    return account.invoice.invoice_id, account.credit_notes[0].credit_note_id


def _invoice(connection: sa.Connection, invoice_id: str, actor: Actor, format: Any = PDF) -> Any:
    request = invoice_pb2.GetInvoiceDocumentRequest(invoice_id=invoice_id, format=format)
    return documents.get_invoice_document(connection, request, actor).document


def _note(connection: sa.Connection, note_id: str, actor: Actor, format: Any = PDF) -> Any:
    request = credit_note_pb2.GetCreditNoteDocumentRequest(credit_note_id=note_id, format=format)
    return documents.get_credit_note_document(connection, request, actor).document


def test_a_stored_invoice_is_on_paper_as_it_is_now(till: Till, cancelled: str) -> None:
    invoice_id, _ = _stored(till, cancelled)
    with till.application.database.connect() as connection:
        invoice = queries.get_invoice(connection, invoice_pb2.GetInvoiceRequest(invoice_id=invoice_id), ALL).invoice
        pdf, page = _invoice(connection, invoice_id, ALL), _invoice(connection, invoice_id, ALL, HTML)
    assert (pdf.content_type, page.content_type) == ("application/pdf", "text/html; charset=utf-8")
    (rows,) = pdf_pages(pdf.data)
    assert rows[:8] == [
        [f"Invoice {invoice.invoice_number}"],
        ["Number", invoice.invoice_number],
        ["Issue date", "2027-03-01"],
        ["Due date", "2027-03-15"],
        ["Customer", "cust-1"],
        ["Order", cancelled],
        ["State", "Credited"],
        ["Amounts in", "EUR"],
    ]
    assert rows[-8:-1] == totals(invoice)
    assert ["1", "LAMP-01", "3", "10.00", "0 %", "20 %", "30.00", "6.00", "36.00"] in rows
    assert html_page(page.data).rows[-7:] == totals(invoice)


def test_a_stored_credit_note_names_its_invoice(till: Till, cancelled: str) -> None:
    _, note_id = _stored(till, cancelled)
    account = till.account(cancelled)
    assert account.invoice is not None
    with till.application.database.connect() as connection:
        (rows,) = pdf_pages(_note(connection, note_id, ALL).data)
        page = html_page(_note(connection, note_id, ALL, HTML).data)
    wanted = [
        ["Credits invoice", account.invoice.invoice_number],
        ["Kind", "Cancellation"],
        ["1", "LAMP-01", "3", "30.00", "6.00", "36.00"],
        ["Net", "30.00 EUR"],
        ["Tax", "6.00 EUR"],
        ["Total", "36.00 EUR"],
    ]
    assert [row for row in rows if row in wanted] == wanted
    assert page.rows[1:] == wanted[2:]
    assert page.facts[4:6] == ["Credits invoice", account.invoice.invoice_number]


def test_a_persons_reason_stands_on_a_credit_note() -> None:
    note = credit_note_pb2.CreditNote(
        credit_note_number="CN-000002",
        kind=credit_note_pb2.CREDIT_NOTE_KIND_ALLOWANCE,
        reason=credit_note_pb2.CREDIT_REASON_NOT_AS_DESCRIBED,
        comment="too <dark>",
        create_time=time_message(NOW),
        net=amount(100),
        tax=amount(20),
        total=amount(120),
    )
    facts = dict(documents.credit_note_document(note, an_invoice()).facts)
    assert (facts["Kind"], facts["Reason"], facts["Comment"]) == ("Allowance", "Not as described", "too <dark>")


def test_documents_of_others_are_not_there(till: Till, cancelled: str) -> None:
    invoice_id, note_id = _stored(till, cancelled)
    with till.application.database.connect() as connection:
        assert _invoice(connection, invoice_id, _reader(BUYER.subject)).data
        assert _note(connection, note_id, _reader(BUYER.subject)).data
        with pytest.raises(NotFound):
            _invoice(connection, invoice_id, _reader("stranger"))
        with pytest.raises(NotFound):
            _note(connection, note_id, _reader("stranger"))
        with pytest.raises(NotFound):
            _invoice(connection, new_order_id(), ALL)
