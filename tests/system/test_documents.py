"""Documents and the comparison of the books, through the whole stack: REST, the command line, the real provider."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from cli.client import RestClient
from cli.waiting import wait_until
from tests.billing_svc.paper import html_page, pdf_pages
from tests.cli.atlas_command import atlas, atlas_json
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

LINE = {"sku": "LAMP-01", "quantity": 1, "unit_price": {"currency_code": "EUR", "minor_units": 1_999}}
ORDER = {"customer_id": "cust-paper", "currency_code": "EUR", "payment_method": "pm_ok"}


@pytest.fixture(scope="module")
def invoice(client: RestClient) -> Any:
    """The paid invoice of an order of the buyer."""
    buyer = client.as_user("buyer")
    order = buyer.post("/v1/orders", ORDER | {"lines": [LINE | {"tax_rate_basis_points": 2_000}]}, prefer="wait=10")

    def paid() -> Any:
        found = buyer.get("/v1/invoices", order_id=order["order_id"], state="PAID")["invoices"]
        return found[0] if found else None

    return wait_until(paid, lambda one: one is not None, what="the paid invoice")


def _fetch(client: RestClient, method: str, path: str, user: str = "buyer", **query: str) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {client.token(user)}"}
    return httpx2.request(method, client.addresses.base_url + path, headers=headers, params=query, trust_env=False)


@pytest.mark.parametrize("query", [{}, {"format": "PDF"}])
def test_an_invoice_comes_as_pdf(client: RestClient, invoice: Any, query: dict[str, str]) -> None:
    answer = _fetch(client, "GET", f"/v1/invoices/{invoice['invoice_id']}/document", **query)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.headers["cache-control"] == "no-store"
    (rows,) = pdf_pages(answer.content)
    assert ["Number", invoice["invoice_number"]] in rows
    assert ["Total", "23.99 EUR"] in rows
    assert ["Paid", "23.99 EUR"] in rows


def test_an_invoice_comes_as_a_page(client: RestClient, invoice: Any) -> None:
    answer = _fetch(client, "GET", f"/v1/invoices/{invoice['invoice_id']}/document", format="HTML")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    page = html_page(answer.content)
    assert ORDER["customer_id"] in page.facts
    assert ["Outstanding", "0.00 EUR"] in page.rows


def test_head_says_what_get_would(client: RestClient, invoice: Any) -> None:
    path = f"/v1/invoices/{invoice['invoice_id']}/document"
    head, got = _fetch(client, "HEAD", path), _fetch(client, "GET", path)
    assert (head.status_code, head.content) == (200, b"")
    assert [head.headers[name] for name in ("content-type", "content-length")] == ["application/pdf", str(len(got.content))]


@pytest.mark.parametrize(
    ("user", "query", "status"), [("buyer2", {}, 404), ("finance", {}, 200), ("buyer", {"format": "DOC"}, 400)]
)
def test_others_and_other_formats_are_refused(
    client: RestClient, invoice: Any, user: str, query: dict[str, str], status: int
) -> None:
    assert _fetch(client, "GET", f"/v1/invoices/{invoice['invoice_id']}/document", user, **query).status_code == status


def test_the_command_writes_the_file(stack: Stack, invoice: Any, tmp_path: Path) -> None:
    target = tmp_path / "invoice.pdf"
    done = atlas("invoice", "document", invoice["invoice_id"], "-o", str(target), home=stack.home)
    assert (done.returncode, done.stdout) == (0, f"{target}\n"), done.stderr
    assert pdf_pages(target.read_bytes())


def test_the_books_agree_with_the_provider(stack: Stack, invoice: Any) -> None:
    compared = atlas_json("ledger", "reconcile", home=stack.home)
    assert (compared["reconciled"], compared["differences"]) == (True, [])
    assert compared["payments_checked"] >= 1


def test_the_balance_balances_and_shows_the_journals_of_an_invoice(stack: Stack, invoice: Any) -> None:
    assert all(each["balanced"] for each in atlas_json("ledger", "balance", home=stack.home)["currencies"])
    journals = atlas_json("ledger", "journals", "--invoice", invoice["invoice_id"], home=stack.home)
    assert {"INVOICE", "PAYMENT"} <= {journal["kind"] for journal in journals}


def test_money_is_shown_from_a_terminal(stack: Stack, invoice: Any) -> None:
    shown = atlas("invoice", "show", invoice["invoice_id"], home=stack.home)
    assert (shown.returncode, "23.99 EUR" in shown.stdout) == (0, True), shown.stderr
    listed = atlas_json("payment", "list", "--order", invoice["order_id"], home=stack.home)
    assert [payment["state"] for payment in listed] == ["SUCCEEDED"]
    assert atlas_json("refund", "list", "--order", invoice["order_id"], home=stack.home) == []
