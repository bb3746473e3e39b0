"""What the accounts amount to, kept by the span of time in which the journals were posted, so that no question sums the ledger.

`balance` holds what the sealed journals of each minute, hour, day, month and year (UTC) moved, and of all time together. Only
the sealer writes it, and it only adds, so a journal that is posted in the past is as easy as any other. A balance at some time
is all, less the years, months, days, hours and minutes after it, less what is later in that minute, and with what is unsealed.
It is one statement, so one snapshot: a journal is either sealed in it or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis.tables import Time

ALL: Final = "ALL"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Where the span of all time is said to begin."""
END: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""After every time."""

SPANS: Final = """(VALUES ('ALL', CAST('epoch' AS timestamptz)), ('YEAR', date_trunc('year', post_time, 'UTC')),
    ('MONTH', date_trunc('month', post_time, 'UTC')), ('DAY', date_trunc('day', post_time, 'UTC')),
    ('HOUR', date_trunc('hour', post_time, 'UTC')), ('MINUTE', date_trunc('minute', post_time, 'UTC'))
    ) AS spans (span, from_time)"""
"""The spans that a journal falls into, as a FROM element beside a `post_time`."""
_DEBIT, _CREDIT = "greatest(amount, 0)", "greatest(-amount, 0)"


def _moved(which: str) -> str:
    """Return the SELECT of what some sealed journals moved, as rows of `balance`."""
    return f"""
SELECT span, from_time, currency_code, account, sum(debit) AS debit, sum(credit) AS credit
FROM (
    SELECT date_trunc('minute', post_time, 'UTC') AS post_time, currency_code, account, sum({_DEBIT}) AS debit,
        sum({_CREDIT}) AS credit
    FROM seal JOIN journal USING (journal_id) JOIN entry USING (journal_id) WHERE {which} GROUP BY 1, 2, 3
) AS minutes CROSS JOIN LATERAL {SPANS}
GROUP BY 1, 2, 3, 4
"""  # noqa: S608 - made of constants


_ADD = sa.text(
    f"""
INSERT INTO balance (span, from_time, currency_code, account, debit, credit)
{_moved("sequence BETWEEN :first AND :last")}
ON CONFLICT (span, from_time, currency_code, account) DO UPDATE SET
    debit = balance.debit + excluded.debit, credit = balance.credit + excluded.credit
"""
)
DIFFERING: Final = f"""
SELECT format('account %s in %s, %s from %s', account, currency_code, span, from_time)
FROM balance AS kept FULL JOIN ({_moved("true")}) AS moved USING (span, from_time, currency_code, account)
WHERE kept.debit IS DISTINCT FROM moved.debit OR kept.credit IS DISTINCT FROM moved.credit
"""  # noqa: S608 - made of constants
"""Names each kept balance that is not what the sealed journals moved."""

_AT = sa.text(
    f"""
WITH moved AS (
    SELECT currency_code, account, debit, credit FROM balance WHERE span = '{ALL}'
    UNION ALL
    SELECT currency_code, account, -debit, -credit
    FROM unnest(:spans, :after, :before) AS later (span, after, before) JOIN balance USING (span)
    WHERE from_time > after AND from_time < before
    UNION ALL
    SELECT currency_code, account, -{_DEBIT}, -{_CREDIT}
    FROM journal JOIN entry USING (journal_id)
    WHERE post_time > :as_of AND post_time < :minute_end
        AND EXISTS (SELECT FROM seal WHERE seal.journal_id = journal.journal_id)
    UNION ALL
    SELECT currency_code, account, {_DEBIT}, {_CREDIT}
    FROM unsealed JOIN journal USING (journal_id) JOIN entry USING (journal_id)
    WHERE post_time <= :as_of
)
SELECT currency_code, account, sum(debit) AS debit, sum(credit) AS credit FROM moved
GROUP BY currency_code, account HAVING sum(debit) <> 0 OR sum(credit) <> 0 ORDER BY currency_code, account
"""  # noqa: S608 - made of constants
).bindparams(
    sa.bindparam("spans", type_=pg.ARRAY(sa.Text)),
    sa.bindparam("after", type_=pg.ARRAY(Time)),
    sa.bindparam("before", type_=pg.ARRAY(Time)),
    sa.bindparam("as_of", type_=Time),
    sa.bindparam("minute_end", type_=Time),
)


# the best plan is the same at every time, and making it takes longer than the answer (ADR 0033)
_PLAN_ONCE = sa.text("SET LOCAL plan_cache_mode = force_generic_plan")


def add(connection: sa.Connection, first: int, last: int) -> None:
    """Add what the journals sealed at these places of the chain moved. Only for who holds the head of the chain."""
    connection.execute(_ADD, {"first": first, "last": last})


def at(connection: sa.Connection, as_of: datetime) -> Sequence[sa.Row[Any]]:
    """Add up the journals posted up to a time: rows of currency_code, account, debit and credit, in minor units."""
    later = spans_after(as_of)
    minute_end = as_of.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    spans, after, before = (list(column) for column in zip(*later, strict=True))
    parameters = {"spans": spans, "after": after, "before": before, "as_of": as_of, "minute_end": minute_end}
    connection.execute(_PLAN_ONCE)
    return connection.execute(_AT, parameters).all()


def spans_after(as_of: datetime) -> list[tuple[str, datetime, datetime]]:
    """Divide the time after the minute of `as_of` into few spans: each a kind, and the open interval in which they begin."""
    minute = as_of.astimezone(UTC).replace(second=0, microsecond=0)
    hour = minute.replace(minute=0)
    day = hour.replace(hour=0)
    month = day.replace(day=1)
    year = month.replace(month=1)
    next_month = (month + timedelta(days=31)).replace(day=1)
    return [
        ("MINUTE", minute, hour + timedelta(hours=1)),
        ("HOUR", hour, day + timedelta(days=1)),
        ("DAY", day, next_month),
        ("MONTH", month, year.replace(year=year.year + 1)),
        ("YEAR", year, END),
    ]
