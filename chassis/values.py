"""Turns the common values of the contracts into the domain's and back, for every wire.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from babel.core import get_global
from google.protobuf.timestamp_pb2 import Timestamp

from atlas.common.v1.event_metadata_pb2 import Person
from atlas.common.v1.money_pb2 import Money as MoneyMessage
from chassis.errors import ValidationFailed, Violation
from chassis.money import Money

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURRENCIES = frozenset(get_global("all_currencies"))


def money_message(money: Money) -> MoneyMessage:
    """Write an amount."""
    return MoneyMessage(currency_code=money.currency_code, minor_units=money.minor_units)


def money(message: MoneyMessage) -> Money:
    """Read an amount."""
    return Money(message.currency_code, message.minor_units)


def time_message(moment: datetime) -> Timestamp:
    """Write a time."""
    since = moment - _EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1_000)


def time(message: Timestamp) -> datetime:
    """Read a time, in UTC."""
    return _EPOCH + timedelta(seconds=message.seconds, microseconds=message.nanos // 1_000)


def person_message(subject: str, username: str) -> Person:
    """Write a person."""
    return Person(subject=subject, username=username)


def known_currency(code: str, field: str) -> str:
    """Return an ISO 4217 code that exists; another one is a ValidationFailed at `field`."""
    if code not in _CURRENCIES:
        violation = Violation(field, "currency.known", "must be a currency code of ISO 4217")
        raise ValidationFailed(f"{field} {code!r} is not a currency", violations=(violation,))
    return code
