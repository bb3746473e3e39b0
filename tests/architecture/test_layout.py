"""All services have the same file names: who knows one knows five (architecture.md, Inside a service)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.source import ROOT, SERVICES

COMMON = {
    "__init__.py",
    "__main__.py",
    "app.py",
    "settings.py",
    "reactions.py",
    "queries.py",
    "store.py",
    "wire.py",
    "rpc.py",
    "invariants.py",
    "migrations",
}
WRITES = {"domain", "commands.py"}
LAYOUT = dict.fromkeys(SERVICES, COMMON | WRITES) | {"reporting_svc": COMMON | {"projections"}}

EXTRAS = {
    "order_svc/waiting.py": "Prefer: wait=N",
    "order_svc/lookups.py": "what a new order is held against: list prices, and references that were used",
    "order_svc/price_wire.py": "the price list's part of wire.py, which is two files long",
    "inventory_svc/backlog.py": "who waits for stock, in what a batch has loaded",
    "order_svc/resources.py": "orders and fulfillments as a client sees them",
    "inventory_svc/holders.py": "who holds stock, in what a batch has looked up",
    "inventory_svc/ledger_queries.py": "the reads of adjustments and movements",
    "inventory_svc/ledger_resources.py": "adjustments and movements as a client sees them",
    "inventory_svc/announcements.py": "the tables of what should come, and how they are read",
    "inventory_svc/outlook.py": "who waits ahead of whom, read without a lock",
    "inventory_svc/queue_commands.py": "the commands on those who wait and on what they wait for",
    "inventory_svc/queue_queries.py": "the reads of those who wait and of what they wait for",
    "billing_svc/tables.py": "the tables of store.py, which is two files long",
    "billing_svc/rows.py": "the rows of an account's parts",
    "billing_svc/accounts.py": "what every decider does: find an account, turn a change into a decision",
    "billing_svc/lookups.py": "the order that an invoice, a payment or a refund belongs to",
    "billing_svc/parts.py": "one of them as the row that it will be, to answer a command with",
    "billing_svc/works.py": "what its timers do, which is more than reactions.py holds",
    "billing_svc/command_wire.py": "the commands' part of wire.py, which is two files long",
    "billing_svc/webhooks.py": "what follows from what the provider tells by himself",
    "billing_svc/webhook_wire.py": "his JSON",
    "billing_svc/posting.py": "journals on their way into the ledger",
    "billing_svc/ledger_queries.py": "the reads of the ledger",
    "billing_svc/canonical.py": "what a journal's hash is taken of",
    "billing_svc/sealing.py": "the loop that extends the chain over the ledger",
    "billing_svc/verifying.py": "whether the ledger is as it was sealed",
    "billing_svc/balances.py": "what the accounts amount to, kept by the sealer",
    "billing_svc/resources.py": "invoices, payments and refunds as a client sees them",
    "billing_svc/amounts.py": "amounts as people write them",
    "billing_svc/reconciling.py": "what must agree with the provider and the ledger",
    "billing_svc/provider_lists.py": "the provider's own lists",
    "billing_svc/claims.py": "what we have of what is on them",
    "billing_svc/booked.py": "what the ledger has of it",
    "billing_svc/documents.py": "invoices and credit notes as documents",
    "billing_svc/document.py": "a document as plain texts, before it is a file",
    "billing_svc/pdf_document.py": "that as a PDF",
    "billing_svc/html_document.py": "that as a page",
    "billing_svc/provider.py": "the only client of the outside world",
    "billing_svc/fake_provider.py": "its fake, next to the interface",
    "billing_svc/fake_methods.py": "what the fake makes of each payment method",
    "workflow_svc/tables.py": "the tables of store.py, which is two files long",
    "reporting_svc/seen.py": "what projections see of an event: reporting has no domain",
    "reporting_svc/summaries.py": "one line for people about each event",
}
"""What only one service needs, each with its reason. A new file is one of the common ones, or it is named here."""


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_the_files_of_every_service(service: str) -> None:
    assert _names(ROOT / service) - _extras(service) == LAYOUT[service]


def test_no_extra_is_left_over() -> None:
    assert [extra for extra in EXTRAS if not (ROOT / extra).exists()] == []


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_have_the_same_shape(service: str) -> None:
    assert _names(ROOT / service / "migrations") == {"env.py", "script.py.mako", "versions"}
    assert list((ROOT / service / "migrations" / "versions").glob("0001_*.py"))


@pytest.mark.parametrize("service", sorted(set(SERVICES) - {"reporting_svc"}))
def test_a_domain_names_its_events_and_errors(service: str) -> None:
    assert _names(ROOT / service / "domain") >= {"__init__.py", "events.py", "errors.py"}


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name != "__pycache__"}


def _extras(service: str) -> set[str]:
    return {extra.partition("/")[2] for extra in EXTRAS if extra.startswith(f"{service}/")}
