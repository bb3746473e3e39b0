"""Taking something off what was shipped, by units or by an amount; and that the parts of an order always add up to it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_svc.domain import allowance, facts, invoicing
from billing_svc.domain.errors import ForeignCurrency, NotCreditable, NotCreditableNow, NotReceived, NotRefundable
from billing_svc.domain.invoice import CreditedLine, CreditNoteKind, CreditReason, Line, LineCancellation, Terms
from billing_svc.domain.order_account import Change, OrderAccount
from billing_svc.domain.refund import RefundReason
from chassis.money import Money, half_even
from tests.billing_svc.builders import (
    BUYER,
    CREDIT_NOTE_NUMBER,
    DECLINED,
    FULFILLMENT_ID,
    NOW,
    NUMBER,
    ORDER_ID,
    a_moment,
    cancel,
    entries,
    eur,
    hear,
    issue,
    names,
    succeeded,
)

WHY = allowance.Why(CreditReason.DAMAGED, "a scratch", BUYER)


def _shipped(units: int = 3, paid: Money | None = None, *, price_of: int | None = None) -> OrderAccount:
    """Paid, all of it or so much, and so many of the three lamps (10.00 and 2.00 tax each) shipped, for the price of fewer."""
    priced = units if price_of is None else price_of
    line = CreditedLine(1, "LAMP-01", units, eur(1_000 * priced), eur(200 * priced))
    return invoicing.ship(
        hear(issue().account, succeeded(paid)).account, facts.OrderShipped(ORDER_ID, FULFILLMENT_ID, line.net, (line,))
    ).account


def _credit(account: OrderAccount, units: int) -> Change:
    return allowance.credit_units(account, {1: units}, CREDIT_NOTE_NUMBER, WHY, a_moment())[0]


def _refund(account: OrderAccount, amount: Money) -> Change:
    return allowance.refund(account, account.attempts[0].payment_id, amount, CREDIT_NOTE_NUMBER, WHY, a_moment())[0]


def test_units_are_credited_off_the_sales_and_given_back() -> None:
    change = _credit(_shipped(), 1)
    assert names(change) == ["CreditNoteIssued", "RefundRequested"]
    assert entries(change) == {"CREDIT_NOTE": {"4200": 1_000, "2000": 200, "2200": -1_200}}
    (note,), (refund,) = change.account.credit_notes, change.account.refunds
    assert (note.kind, note.reason, note.comment) == (CreditNoteKind.ALLOWANCE, CreditReason.DAMAGED, "a scratch")
    assert (refund.amount, refund.reason, note.refund_id) == (eur(1_200), RefundReason.ALLOWANCE, refund.refund_id)


def test_who_takes_the_last_unit_takes_what_is_left_of_the_money() -> None:
    account = _shipped(price_of=1)
    for _ in range(3):
        account = _credit(account, 1).account
    assert [(note.net, note.tax) for note in account.credit_notes] == [
        (eur(333), eur(67)),
        (eur(333), eur(67)),
        (eur(334), eur(66)),
    ]


def test_who_takes_the_last_of_the_money_takes_the_tax_that_is_left_of_it() -> None:
    account = _shipped(price_of=1)
    for _ in range(2):
        account = _credit(account, 1).account
    account = _refund(account, eur(400)).account
    assert (account.credit_notes[-1].net, account.credit_notes[-1].tax) == (eur(334), eur(66))


def test_an_amount_is_given_back_with_a_credit_note_over_as_much() -> None:
    change = _refund(_shipped(), eur(500))
    (note,), (refund,) = change.account.credit_notes, change.account.refunds
    assert (note.net + note.tax, refund.amount, note.refund_id) == (eur(500), eur(500), refund.refund_id)
    assert [(line.quantity, line.net, line.tax) for line in note.lines] == [(0, eur(417), eur(83))]


def test_no_more_units_than_were_shipped_and_are_not_credited() -> None:
    with pytest.raises(NotCreditable) as refused:
        _credit(_credit(_shipped(2), 1).account, 2)
    assert [(v.field, v.message) for v in refused.value.violations] == [
        ("lines[0].quantity", "must be at most 1, which are shipped and not yet credited")
    ]
    with pytest.raises(NotCreditable):
        allowance.credit_units(_shipped(), {2: 1}, CREDIT_NOTE_NUMBER, WHY, a_moment())


def test_no_more_money_than_was_shipped_and_is_not_credited() -> None:
    with pytest.raises(NotRefundable, match="1200 minor units of EUR of this payment can"):
        _refund(_credit(_shipped(2), 1).account, eur(1_201))
    with pytest.raises(NotRefundable, match=" 0 minor units"):
        _refund(hear(issue().account, succeeded()).account, eur(1))


def test_no_more_money_than_was_paid_of_what_was_shipped() -> None:
    half_paid = _shipped(2, eur(1_800))
    with pytest.raises(NotRefundable, match=" 600 minor units"):
        _refund(half_paid, eur(601))
    assert _refund(half_paid, eur(600)).account.refunds[0].amount == eur(600)


def test_no_more_money_than_that_payment_brought() -> None:
    account = _shipped()
    (one,) = account.attempts
    first, second = (replace(one, number=n, received=eur(units), applied=eur(units)) for n, units in ((1, 900), (2, 2_700)))
    account = replace(account, attempts=(first, replace(second, payment_id="0190a000-0000-7000-8000-0000000000f2")))
    with pytest.raises(NotRefundable, match=" 900 minor units"):
        _refund(account, eur(901))


def test_money_is_given_back_of_a_payment_that_brought_some_and_in_its_currency() -> None:
    with pytest.raises(NotReceived, match="DECLINED"):
        _refund(hear(issue().account, DECLINED).account, eur(1))
    with pytest.raises(ForeignCurrency, match="own currency"):
        _refund(_shipped(), Money("USD", 1))
    foreign = hear(issue().account, succeeded(Money("USD", 3_600))).account
    with pytest.raises(NotRefundable):
        _refund(foreign, Money("USD", 1))


def test_nothing_is_credited_by_hand_of_a_cancelled_invoice() -> None:
    account = _shipped()
    assert account.invoice
    void = replace(account, invoice=replace(account.invoice, is_void=True))
    with pytest.raises(NotCreditableNow, match="VOID"):
        _credit(void, 1)
    with pytest.raises(NotCreditableNow, match="CREDITED"):
        _credit(cancel(account).account, 1)


def test_of_a_shipment_whose_lines_were_not_kept_nothing_is_credited() -> None:
    account = invoicing.ship(hear(issue().account, succeeded()).account, facts.OrderShipped(ORDER_ID, "f", eur(3_000))).account
    with pytest.raises(NotCreditable):
        _credit(account, 1)


# Any order, shipped and credited in any parts.

AMOUNTS = st.integers(0, 99_999)


@st.composite
def _orders(draw: st.DrawFn) -> tuple[Line, ...]:
    lines = []
    for number in range(1, draw(st.integers(1, 3)) + 1):
        net = draw(AMOUNTS)
        tax = half_even(net * draw(st.sampled_from([0, 700, 1_900, 2_000])), 10_000)
        lines.append(Line(number, "SKU", draw(st.integers(1, 7)), eur(1), 0, 0, eur(net), eur(tax)))
    return tuple(lines)


def _paid(lines: tuple[Line, ...]) -> OrderAccount:
    terms = Terms("cust-1", "EUR", "pm_ok", NOW, lines)
    account = invoicing.reserve(invoicing.place(OrderAccount(ORDER_ID), facts.OrderPlaced(ORDER_ID, BUYER, terms)))
    issued = invoicing.issue(account, NUMBER, CREDIT_NOTE_NUMBER, a_moment())
    return hear(issued.account, succeeded()).account if issued.account.attempts else issued.account


def _part(line: Line, taken: int, units: int) -> CreditedLine:
    """The share of units of a line, as order_svc computes it: cumulative, the last part takes the rest."""

    def share(whole: Money, upto: int) -> int:
        return half_even(whole.minor_units * upto, line.quantity)

    net = share(line.net, taken + units) - share(line.net, taken)
    tax = share(line.tax, taken + units) - share(line.tax, taken)
    return CreditedLine(line.line_number, line.sku, units, eur(net), eur(tax))


@settings(max_examples=2_000, deadline=None)
@given(_orders(), st.data())
def test_what_is_kept_and_what_is_given_back_are_what_was_paid(lines: tuple[Line, ...], data: st.DataObject) -> None:
    account, sums, taken = _paid(lines), {"1100": 0}, dict.fromkeys((line.line_number for line in lines), 0)
    posted: list[Change] = []
    for place in range(data.draw(st.integers(0, 6))):
        change = _step(account, lines, taken, str(place), data)
        posted.append(change)
        account = change.account
    assert account.invoice
    for journal in (journal for change in posted for journal in change.journals):
        assert sum(entry.amount for entry in journal.entries) == 0
        for entry in journal.entries:
            sums[entry.account] = sums.get(entry.account, 0) + entry.amount
    paid = account.invoice.paid.minor_units
    back = sum(refund.amount.minor_units for refund in account.refunds)
    credited = sum((note.net + note.tax).minor_units for note in account.credit_notes)
    assert (account.invoice.credited.minor_units, back, sums["1100"]) == (credited, credited, 0)
    assert 0 <= back <= paid == account.invoice.total.minor_units
    assert sums.get("2200", 0) == -back
    for line in lines:
        _check_line(account, line)


def _step(account: OrderAccount, lines: tuple[Line, ...], taken: dict[int, int], name: str, data: st.DataObject) -> Change:
    what, line = data.draw(st.sampled_from(["ship", "units", "amount", "close"])), data.draw(st.sampled_from(lines))
    if what in ("ship", "close"):
        left = line.quantity - taken[line.line_number]
        if not left:
            return Change(account)
        units = left if what == "close" else data.draw(st.integers(1, left))
        part = _part(line, taken[line.line_number], units)
        taken[line.line_number] += units
        if what == "ship":
            return invoicing.ship(account, facts.OrderShipped(ORDER_ID, name, part.net, (part,)))
        told = facts.OrderLinesCancelled(ORDER_ID, LineCancellation(name, (part,)))
        return invoicing.cancel_lines(account, told, CREDIT_NOTE_NUMBER, a_moment())
    try:
        if what == "units":
            wanted = {line.line_number: data.draw(st.integers(1, line.quantity))}
            return allowance.credit_units(account, wanted, CREDIT_NOTE_NUMBER, WHY, a_moment())[0]
        if not account.attempts:
            return Change(account)
        amount = eur(data.draw(st.integers(1, max(1, line.net.minor_units))))
        return _refund(account, amount)
    except (NotCreditable, NotRefundable):
        return Change(account)


def _check_line(account: OrderAccount, line: Line) -> None:
    """No line gives more than was shipped of it, in units, net or tax; and all units credited are all of its money."""

    def of(lines: list[CreditedLine]) -> tuple[int, int, int]:
        mine = [it for it in lines if it.line_number == line.line_number]
        return tuple(map(sum, zip(*[(it.quantity, it.net.minor_units, it.tax.minor_units) for it in mine], strict=True))) or (
            0,
            0,
            0,
        )  # type: ignore[return-value]

    shipped = of([it for shipment in account.shipments for it in shipment.lines])
    allowed = of([it for note in account.credit_notes if note.kind is CreditNoteKind.ALLOWANCE for it in note.lines])
    assert all(0 <= off <= out for off, out in zip(allowed, shipped, strict=True))
    if allowed[0] == shipped[0]:
        assert allowed == shipped
