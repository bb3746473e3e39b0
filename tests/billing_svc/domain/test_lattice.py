"""Whatever reports of the provider come, by answer, inquiry or webhook, in any order and any number of times: the same end."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from billing_svc.domain import collecting
from billing_svc.domain.invoice import InvoiceState
from billing_svc.domain.order_account import Change
from billing_svc.domain.payment import PaymentState
from billing_svc.domain.provider_call import Answer, Outcome
from chassis.money import Money
from tests.billing_svc.builders import (
    CANCELED,
    DECLINED,
    NOT_FOUND,
    PENDING,
    SOFT,
    TIMED_OUT,
    UNREACHABLE,
    a_moment,
    cancel,
    eur,
    issue,
    succeeded,
)

NOISE = (PENDING, TIMED_OUT, UNREACHABLE, NOT_FOUND)
SUCCESSES = (succeeded(eur(3_600)), succeeded(eur(1_800)), succeeded(eur(4_000)), succeeded(Money("USD", 3_600)))
JOIN = (
    (PaymentState.SUCCEEDED, Outcome.SUCCEEDED),
    (PaymentState.DECLINED, Outcome.DECLINED),
    (PaymentState.NOT_ATTEMPTED, Outcome.CANCELED),
    (PaymentState.PENDING, Outcome.PENDING),
    (PaymentState.UNKNOWN, Outcome.TIMED_OUT),
)
End = tuple[PaymentState, InvoiceState, tuple[Money, ...], frozenset[tuple[str, int]]]


def _end(reports: list[Answer], *, is_cancelled: bool) -> End:
    """Tell an attempt all of it. A provider contradicts himself in what became of it, never in how much came or why not."""
    change = issue()
    change = change.then(cancel) if is_cancelled else change
    payment_id = change.account.attempts[0].payment_id
    for report in reports:
        change = change.then(lambda it, report=report: collecting.hear_payment(it, payment_id, report, a_moment()))  # type: ignore[misc]
    account = change.account
    assert account.invoice
    requested = tuple(sorted((refund.amount for refund in account.refunds), key=lambda money: money.currency_code))
    return account.attempts[0].state, account.invoice.state, requested, frozenset(_books(change).items())


def _books(change: Change) -> Counter[str]:
    sums: Counter[str] = Counter()
    assert len({journal.ref for journal in change.journals}) == len(change.journals), "a fact was posted twice"
    for journal in change.journals:
        for entry in journal.entries:
            sums[f"{journal.currency_code} {entry.account}"] += entry.amount
    return Counter({key: amount for key, amount in sums.items() if amount})


@st.composite
def _reports(draw: st.DrawFn) -> tuple[list[Answer], list[Answer]]:
    outcomes = (draw(st.sampled_from(SUCCESSES)), draw(st.sampled_from((SOFT, DECLINED))), CANCELED)
    told = draw(st.lists(st.sampled_from((*outcomes, *NOISE)), min_size=1, max_size=6))
    again = st.lists(st.sampled_from(told), max_size=4)
    first, second = (draw(st.permutations([*told, *draw(again)])) for _ in range(2))
    return first, second


@settings(max_examples=400, deadline=None)
@given(_reports(), st.booleans())
def test_the_end_does_not_hang_on_the_order_of_reports(orders: tuple[list[Answer], list[Answer]], is_cancelled: bool) -> None:
    first, second = (_end(order, is_cancelled=is_cancelled) for order in orders)
    assert first == second


@settings(max_examples=300, deadline=None)
@given(_reports())
def test_the_end_is_the_strongest_thing_that_was_said(orders: tuple[list[Answer], list[Answer]]) -> None:
    said = {report.outcome for report in orders[0]}
    expected = next((state for state, outcome in JOIN if outcome in said), PaymentState.INITIATED)
    assert _end(orders[0], is_cancelled=False)[0] is expected
