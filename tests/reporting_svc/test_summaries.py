"""One line for people about each event."""

from __future__ import annotations

import pytest

from atlas.common.v1.money_pb2 import Money
from atlas.orders.v1 import order_pb2
from reporting_svc import app
from reporting_svc.summaries import SUMMARIES, amount, name
from tests.reporting_svc import builders

ORDER_ID = "00000000-0000-0000-0000-000000000001"


def test_every_event_of_every_topic_is_read() -> None:
    blueprint = app.blueprint()
    declared = {event.payload for event in blueprint.catalog.types if "reporting-svc" in event.consumers}
    assert set(SUMMARIES) == set(blueprint.subscriptions) == declared == set(blueprint.catalog.by_payload)


def test_every_summary_can_be_made_of_an_event_that_says_little() -> None:
    for payload, summarize in SUMMARIES.items():
        if payload.DESCRIPTOR.name not in ("OrderPlaced",):
            event = payload()
            for field in payload.DESCRIPTOR.fields:
                if field.message_type is not None and field.message_type.name == "Money" and not field.is_repeated:
                    getattr(event, field.name).currency_code = "EUR"
            assert isinstance(summarize(event), str)


def test_summaries_say_what_happened() -> None:
    assert SUMMARIES[type(builders.placed(ORDER_ID))](builders.placed(ORDER_ID)) == "2 units for 120.00 EUR, by pm_ok"
    assert SUMMARIES[type(builders.paid(ORDER_ID))](builders.paid(ORDER_ID)) == "120.00 EUR came in, invoice PAID"
    lost, revalued = builders.adjusted("LAMP-01", -2), builders.adjusted("LAMP-01", 0)
    assert SUMMARIES[type(lost)](lost) == "-2 of LAMP-01, LOST"
    assert SUMMARIES[type(revalued)](revalued) == "LAMP-01 costs 13.00 EUR"
    changed = builders.changed(ORDER_ID, "CANCELLED", settlement="PENDING")
    assert SUMMARIES[type(changed)](changed) == "CANCELLED, PENDING"


@pytest.mark.parametrize(
    ("currency", "minor_units", "text"),
    [
        ("EUR", 1_999, "19.99 EUR"),
        ("EUR", 5, "0.05 EUR"),
        ("EUR", -5, "-0.05 EUR"),
        ("JPY", 500, "500 JPY"),
        ("KWD", 1, "0.001 KWD"),
    ],
)
def test_amounts_have_the_digits_of_their_currency(currency: str, minor_units: int, text: str) -> None:
    assert amount(Money(currency_code=currency, minor_units=minor_units)) == text


def test_value_of_a_newer_contract_shows_as_its_number() -> None:
    assert name(order_pb2.OrderState, 999) == "999"
    assert name(order_pb2.OrderState, order_pb2.ORDER_STATE_PLACED) == "PLACED"
