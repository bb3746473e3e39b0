"""ReconcileLedger, on a real database and against the real sandbox provider: agreement, and each difference by its name."""

from __future__ import annotations

import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr

from atlas.billing.v1 import ledger_pb2
from billing_svc import tables
from billing_svc.domain.order_account import OrderAccount
from billing_svc.provider_lists import ProviderLists
from chassis.errors import Unavailable
from tests.billing_svc.builders import inventory_reserved, order_cancelled, order_placed
from tests.billing_svc.sandbox import Sandbox, a_sandbox
from tests.billing_svc.shop import Shop, a_shop, invoice_id, payment_id, refund_id
from tests.billing_svc.till import new_order_id


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The provider of this module."""
    home: Path = tmp_path_factory.mktemp("psp")
    with a_sandbox(home) as running:
        yield running


@pytest.fixture(scope="module")
def shop(billing_database: str, sandbox: Sandbox) -> Iterator[Shop]:
    """Billing on that provider."""
    with a_shop(billing_database, sandbox) as opened:
        yield opened


@pytest.fixture
async def paid(shop: Shop) -> AsyncIterator[OrderAccount]:
    """An order that was paid, in books that agree before and after the test."""
    assert await shop.differences() == []
    yield shop.order()
    assert await shop.differences() == []


@pytest.fixture
async def refunded(shop: Shop) -> AsyncIterator[OrderAccount]:
    """An order that was paid, cancelled and refunded, in books that agree before and after the test."""
    assert await shop.differences() == []
    yield shop.order(cancelled=True)
    assert await shop.differences() == []


async def test_a_mix_of_outcomes_agrees(shop: Shop) -> None:
    for method in ("pm_ok", "pm_declined_hard"):
        for cancelled in (False, True):
            shop.order(method, cancelled=cancelled)
    before = await shop.reconcile()
    assert (before.reconciled, list(before.differences)) == (True, [])
    assert before.invoices_checked >= 4
    assert before.payments_checked >= 4
    assert before.refunds_checked >= 1


async def test_what_is_under_way_on_either_side_is_no_difference(shop: Shop) -> None:
    slow, slower = new_order_id(), new_order_id()
    shop.till.read(order_placed(slow, method="pm_slow"), inventory_reserved(slow))
    shop.till.read(order_placed(slower, method="pm_slow"), inventory_reserved(slower))
    shop.till.work()
    assert [shop.till.account(it).attempts[0].is_pending for it in (slow, slower)] == [True, True]
    assert await shop.differences() == []
    shop.sandbox.seconds += 2
    assert await shop.differences() == [], "he has the money, and we have not asked yet"
    shop.till.read(order_cancelled(slower))
    assert await shop.differences() == []
    shop.till.settle()
    assert [shop.till.account(it).attempts[0].is_open for it in (slow, slower)] == [False, False]
    assert await shop.differences() == []


async def test_a_payment_that_was_withdrawn_before_it_was_sent_is_no_difference(shop: Shop) -> None:
    order_id = new_order_id()
    shop.till.read(order_placed(order_id), inventory_reserved(order_id), order_cancelled(order_id))
    shop.till.settle()
    assert shop.till.account(order_id).attempts[0].is_withdrawn
    assert await shop.differences() == []


async def test_what_changes_while_it_is_compared_is_no_difference(shop: Shop) -> None:
    key, column = payment_id(shop.order()), tables.payment.c.update_time
    shop.sandbox.change("intent", key, "outcome", "DECLINED")
    assert [(kind, resource) for kind, resource, _, _ in await shop.differences()] == [("PAYMENT_DIFFERS", key)]
    shop.change(column, key, shop.till.clock.now() + timedelta(seconds=1))
    assert await shop.differences() == []
    shop.sandbox.change("intent", key, "outcome", "SUCCEEDED")


async def test_a_payment_unknown_to_us_is_named(shop: Shop, paid: OrderAccount) -> None:
    for key in ("not-a-key-of-ours", str(uuid.uuid4())):
        shop.sandbox.tamper(
            "INSERT INTO intent (intent_id, key, minor_units, currency_code, payment_method, reference, outcome,"
            " create_time, settle_time) VALUES (?, ?, 1234, 'EUR', 'pm_ok', '', 'SUCCEEDED', 1, 1)",
            f"pi_{key}",
            key,
        )
        assert await shop.differences() == [("PAYMENT_UNKNOWN_TO_US", key, "", "SUCCEEDED 12.34 EUR")]
        shop.sandbox.tamper("DELETE FROM intent WHERE key = ?", key)


async def test_a_payment_unknown_to_the_provider_is_named(shop: Shop, paid: OrderAccount) -> None:
    key = payment_id(paid)
    shop.sandbox.change("intent", key, "outcome", "DECLINED")
    shop.sandbox.change("intent", key, "key", "away")
    assert await shop.differences() == [("PAYMENT_UNKNOWN_TO_PROVIDER", key, "SUCCEEDED 36.00 EUR", "")]
    shop.sandbox.change("intent", "away", "key", key)
    shop.sandbox.change("intent", key, "outcome", "SUCCEEDED")


async def test_a_payment_of_another_amount_currency_or_outcome_is_named(shop: Shop, paid: OrderAccount) -> None:
    key = payment_id(paid)
    for column, right, wrong, theirs in (
        ("received_minor_units", 3_600, 3_599, "SUCCEEDED 35.99 EUR"),
        ("received_currency_code", "EUR", "JPY", "SUCCEEDED 3,600 JPY"),
        ("outcome", "SUCCEEDED", "DECLINED", "DECLINED"),
    ):
        shop.sandbox.change("intent", key, column, wrong)
        assert await shop.differences() == [("PAYMENT_DIFFERS", key, "SUCCEEDED 36.00 EUR", theirs)]
        shop.sandbox.change("intent", key, column, right)


async def test_a_refund_unknown_to_us_is_named(shop: Shop, paid: OrderAccount) -> None:
    shop.sandbox.tamper(
        "INSERT INTO refund (refund_id, key, intent_key, minor_units, currency_code, outcome, create_time)"
        " VALUES ('re_1', 'by-hand', ?, 100, 'EUR', 'SUCCEEDED', 1)",
        payment_id(paid),
    )
    theirs = f"SUCCEEDED 1.00 EUR of {payment_id(paid)}"
    assert await shop.differences() == [("REFUND_UNKNOWN_TO_US", "by-hand", "", theirs)]
    shop.sandbox.tamper("DELETE FROM refund WHERE key = 'by-hand'")


async def test_a_refund_unknown_to_the_provider_is_named(shop: Shop, refunded: OrderAccount) -> None:
    key, ours = refund_id(refunded), f"SUCCEEDED 36.00 EUR of {payment_id(refunded)}"
    shop.sandbox.change("refund", key, "outcome", "FAILED")
    shop.sandbox.change("refund", key, "key", "away")
    assert await shop.differences() == [("REFUND_UNKNOWN_TO_PROVIDER", key, ours, "")]
    shop.sandbox.change("refund", "away", "key", key)
    shop.sandbox.change("refund", key, "outcome", "SUCCEEDED")


async def test_a_refund_of_another_amount_payment_or_outcome_is_named(shop: Shop, refunded: OrderAccount) -> None:
    key, of, other = refund_id(refunded), payment_id(refunded), payment_id(shop.order())
    for column, right, wrong, theirs in (
        ("minor_units", 3_600, 1, f"SUCCEEDED 0.01 EUR of {of}"),
        ("intent_key", of, other, f"SUCCEEDED 36.00 EUR of {other}"),
        ("outcome", "SUCCEEDED", "FAILED", f"FAILED of {of}"),
    ):
        shop.sandbox.change("refund", key, column, wrong)
        assert await shop.differences() == [("REFUND_DIFFERS", key, f"SUCCEEDED 36.00 EUR of {of}", theirs)]
        shop.sandbox.change("refund", key, column, right)


async def test_an_invoice_that_is_not_as_booked_is_named(shop: Shop, refunded: OrderAccount) -> None:
    key, columns = invoice_id(refunded), tables.invoice.c
    for column, right, wrong, what in (
        (columns.net, 3_000, 3_001, ("net 30.01 EUR", "net 30.00 EUR")),
        (columns.tax, 600, 601, ("tax 6.01 EUR", "tax 6.00 EUR")),
        (columns.credited, 3_600, 1, ("credited 0.01 EUR", "credited 36.00 EUR")),
        (columns.outstanding, 0, 5, ("outstanding 0.05 EUR", "outstanding 0.00 EUR")),
        (columns.currency_code, "EUR", "USD", ("", "")),
    ):
        shop.change(column, key, wrong)
        found = await shop.differences()
        assert {(kind, resource) for kind, resource, _, _ in found} == {("INVOICE_NOT_AS_BOOKED", key)}
        assert what == ("", "") or found[0][2:] == what
        shop.change(column, key, right)


async def test_an_invoice_that_says_it_is_void_and_is_not_is_named(shop: Shop, paid: OrderAccount) -> None:
    key = invoice_id(paid)
    shop.change(tables.invoice.c.state, key, "VOID")
    assert await shop.differences() == [("INVOICE_NOT_AS_BOOKED", key, "voided 36.00 EUR", "voided 0.00 EUR")]
    shop.change(tables.invoice.c.state, key, "PAID")


async def test_a_credit_note_that_is_not_as_booked_is_named_by_its_invoice(shop: Shop, refunded: OrderAccount) -> None:
    key, column = refunded.credit_notes[0].credit_note_id, tables.credit_note.c.tax
    shop.change(column, key, 601)
    ours, theirs = "tax of credit notes 6.01 EUR", "tax of credit notes 6.00 EUR"
    assert await shop.differences() == [("INVOICE_NOT_AS_BOOKED", invoice_id(refunded), ours, theirs)]
    shop.change(column, key, 600)


async def test_a_journal_that_was_changed_is_named_by_what_it_books(shop: Shop, refunded: OrderAccount) -> None:
    for ref, kind, key in (
        (f"inv/{refunded.order_id}", "INVOICE_NOT_AS_BOOKED", invoice_id(refunded)),
        (f"pay/{payment_id(refunded)}", "PAYMENT_NOT_AS_BOOKED", payment_id(refunded)),
        (f"refund/{refund_id(refunded)}", "REFUND_NOT_AS_BOOKED", refund_id(refunded)),
    ):
        shop.scale(ref, 2)
        found = {(name, resource) for name, resource, _, _ in await shop.differences()}
        assert (kind, key) in found
        assert found <= {(kind, key), ("INVOICE_NOT_AS_BOOKED", invoice_id(refunded))}
        shop.scale(ref, 0)


async def test_a_payment_that_is_not_as_booked_is_named(shop: Shop, paid: OrderAccount) -> None:
    key = payment_id(paid)
    shop.change(tables.payment.c.applied, key, 3_500)
    ours, theirs = "applied 35.00 EUR, not applied 1.00 EUR", "applied 36.00 EUR, not applied 0.00 EUR"
    assert await shop.differences() == [("PAYMENT_NOT_AS_BOOKED", key, ours, theirs)]
    shop.change(tables.payment.c.applied, key, 3_600)


async def test_a_refund_that_is_not_as_booked_is_named(shop: Shop, refunded: OrderAccount) -> None:
    key = refund_id(refunded)
    shop.change(tables.refund.c.state, key, "REQUESTED")
    (found,) = await shop.differences()
    assert found[:3] == ("REFUND_NOT_AS_BOOKED", key, "given back 0.00 EUR, taken off what is owed 0.00 EUR")
    assert found[3] == "given back 36.00 EUR, taken off what is owed 36.00 EUR"
    shop.change(tables.refund.c.state, key, "SUCCEEDED")


async def test_an_amount_that_no_money_can_be_is_named_too(shop: Shop, paid: OrderAccount) -> None:
    key = payment_id(paid)
    shop.change(tables.payment.c.received, key, 2**62)
    assert {kind for kind, _, _, _ in await shop.differences()} == {"PAYMENT_DIFFERS", "PAYMENT_NOT_AS_BOOKED"}
    shop.change(tables.payment.c.received, key, 3_600)


async def test_long_lists_are_read_page_by_page_and_the_first_differences_are_named(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing_svc.provider_lists.PAGE_SIZE", 7)
    monkeypatch.setattr("billing_svc.claims.CHUNK", 3)
    shop.order()
    before = await shop.reconcile()
    for number in range(120):
        shop.sandbox.tamper(
            "INSERT INTO intent (intent_id, key, minor_units, currency_code, payment_method, reference, outcome,"
            " create_time, settle_time) VALUES (?, ?, 1234, 'EUR', 'pm_ok', '', 'SUCCEEDED', 1, 1)",
            f"extra_{number}",
            f"extra-{number:03d}",
        )
    shop.sandbox.tamper("UPDATE intent SET key = 'x' || key WHERE intent_id NOT LIKE 'extra_%'")
    after = await shop.reconcile()
    assert before.reconciled
    assert not after.reconciled
    assert len(after.differences) == 100
    moved = sum(1 for _ in after.differences if _.kind == ledger_pb2.DIFFERENCE_KIND_PAYMENT_UNKNOWN_TO_US)
    assert moved == 100
    assert after.payments_checked > before.payments_checked + 120
    shop.sandbox.tamper("DELETE FROM intent WHERE intent_id LIKE 'extra_%'")
    shop.sandbox.tamper("UPDATE intent SET key = substr(key, 2)")
    assert await shop.differences() == []


async def test_another_key_is_a_clear_refusal(shop: Shop) -> None:
    with pytest.raises(Unavailable, match="does not accept our key") as refused:
        await shop.reconciler(psp_key=SecretStr("another")).reconcile()
    assert "ATLAS_PSP_KEY" in refused.value.hint


@pytest.mark.parametrize("url", ["", "nonsense", "http://127.0.0.1:1", "http://[", "ftp://127.0.0.1"])
async def test_a_provider_that_cannot_be_asked_is_unavailable(shop: Shop, url: str) -> None:
    with pytest.raises(Unavailable, match="does not answer") as refused:
        await shop.reconciler(psp_url=url).reconcile()
    assert "ATLAS_PSP_URL" in refused.value.hint
    assert refused.value.retry_after == 5


async def test_no_transaction_is_open_while_the_provider_is_asked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    pool = cast(Any, shop.till.application.database.pool)
    held = pool.checkedout()  # the relay's lead
    ask = ProviderLists._page

    def asked(lists: ProviderLists, path: str, after: int) -> Any:
        seen.append(pool.checkedout())
        return ask(lists, path, after)

    monkeypatch.setattr(ProviderLists, "_page", asked)
    await shop.reconcile()
    assert seen == [held, held]


def test_a_call_that_nobody_waits_for_ends_with_its_page(shop: Shop) -> None:
    abandoned = threading.Event()
    abandoned.set()
    with pytest.raises(Unavailable, match="nobody waits"):
        shop.reconciler()._reconcile(abandoned)
