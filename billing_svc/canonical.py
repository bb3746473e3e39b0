"""The canonical form of a journal, which its hash is taken of: specified here, computed by PostgreSQL.

It is the journal's row followed by the rows of its entries, by line. A row is: the number of its columns, then for each
column its type's OID, the length of its value (-1 where there is none), and the value in PostgreSQL's binary format. All
numbers are 32-bit, big-endian. That is unambiguous, since every part says how long it is, and the same under any setting of
time zone or date style. The columns, with OID and value:

    journal: journal_id (2950), ref (25), kind (25), order_id (2950), invoice_id (2950), source_event_id (2950),
             post_time (1184), xid (5069)
    entry:   line (21), account (25), currency_code (25), amount (20)

    2950 uuid: 16 bytes · 25 text: UTF-8 · 1184 timestamptz: 64-bit microseconds since 2000-01-01T00:00Z ·
    5069 xid8: 64-bit · 21 smallint: 16-bit · 20 bigint: 64-bit

Columns that a later revision adds are not in it: what is sealed stays as it was sealed.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

JOURNAL: Final = """record_send(ROW(journal.journal_id, journal.ref, journal.kind, journal.order_id, journal.invoice_id,
    journal.source_event_id, journal.post_time, journal.xid))"""
"""The row of a journal: an SQL expression on `journal`."""
ENTRIES: Final = """string_agg(record_send(ROW(entry.line, entry.account, entry.currency_code, entry.amount)), ''
    ORDER BY entry.line)"""
"""The rows of its entries: an SQL aggregate on `entry`, empty where there is none."""


def use_utf8(connection: sa.Connection) -> None:
    """Let text be UTF-8 in this transaction, whatever the environment says: PostgreSQL sends it as the client asks."""
    connection.execute(sa.text("SET LOCAL client_encoding = 'UTF8'"))
