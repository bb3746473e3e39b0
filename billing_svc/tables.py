"""The tables of billing_svc. The ledger's constraints are triggers; its revision says which."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis.tables import Time, aggregate_columns

metadata = sa.MetaData()
Json = pg.JSONB(none_as_null=True)  # values are objects, never lists: a list in a column of arrays would be a dimension


def _id(name: str, *, primary_key: bool = False, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, pg.UUID(as_uuid=False), primary_key=primary_key, nullable=nullable)


def _row_columns() -> list[sa.Column[object]]:
    """What a resource inside an account carries: its own version, which moves with every change of it."""
    return [
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("create_time", Time, nullable=False),
        sa.Column("update_time", Time, nullable=False),
    ]


order_account = sa.Table(
    "order_account",
    metadata,
    _id("order_id", primary_key=True),
    sa.Column("placed_by_issuer", sa.Text),
    sa.Column("placed_by", sa.Text, comment="the subject; empty until it is known who placed the order"),
    sa.Column("placed_by_username", sa.Text),
    sa.Column("terms", Json, comment="what was ordered; empty until OrderPlaced is read"),
    sa.Column("is_reserved", sa.Boolean, nullable=False),
    sa.Column("reservation_failure", sa.Text),
    sa.Column("is_cancelled", sa.Boolean, nullable=False),
    sa.Column("shipments", Json, nullable=False, comment="net by fulfillment"),
    sa.Column("cancellations", Json, nullable=False, comment="the lines of each cancellation of what remained"),
    sa.Column("closing", Json, comment="the last answer to a cancellation"),
    *aggregate_columns(),
)

invoice = sa.Table(
    "invoice",
    metadata,
    _id("invoice_id", primary_key=True),
    _id("order_id"),
    sa.Column("invoice_number", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="derived from the facts, kept for searching"),
    sa.Column("currency_code", sa.Text, nullable=False),
    sa.Column("net", sa.BigInteger, nullable=False),
    sa.Column("tax", sa.BigInteger, nullable=False),
    sa.Column("paid", sa.BigInteger, nullable=False),
    sa.Column("credited", sa.BigInteger, nullable=False),
    sa.Column("refunded", sa.BigInteger, nullable=False, comment="derived from the refunds"),
    sa.Column("outstanding", sa.BigInteger, nullable=False, comment="derived"),
    sa.Column("is_cancelled", sa.Boolean, nullable=False),
    sa.Column("is_void", sa.Boolean, nullable=False),
    sa.Column("void_reason", sa.Text, comment="why a person voids it; empty where its order was cancelled"),
    sa.Column("void_comment", sa.Text, nullable=False),
    sa.Column("issue_time", Time, nullable=False),
    sa.Column("due_time", Time, nullable=False),
    *_row_columns(),
)

payment = sa.Table(
    "payment",
    metadata,
    _id("payment_id", primary_key=True),
    _id("order_id"),
    _id("invoice_id"),
    sa.Column("attempt_number", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="derived from the facts, kept for searching"),
    sa.Column("currency_code", sa.Text, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("payment_method", sa.Text, nullable=False),
    sa.Column("next_call_time", Time, comment="when the provider is asked next; empty once the outcome is known"),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("polls", sa.Integer, nullable=False),
    sa.Column("is_unknown", sa.Boolean, nullable=False),
    sa.Column("is_pending", sa.Boolean, nullable=False),
    sa.Column("is_lost", sa.Boolean, nullable=False),
    sa.Column("is_withdrawn", sa.Boolean, nullable=False),
    sa.Column("decline_kind", sa.Text),
    sa.Column("received", sa.BigInteger),
    sa.Column("received_currency_code", sa.Text),
    sa.Column("applied", sa.BigInteger, comment="of what was received, in the currency of the invoice"),
    sa.Column("provider_reference", sa.Text),
    _id("exception_id", nullable=True),
    sa.Column("failure_reason", sa.Text, comment="derived from the facts"),
    sa.Column("dunning_begin_time", Time, nullable=False, comment="when the first attempt of its chain began"),
    sa.Column("dunning_place", sa.Integer, nullable=False, comment="its place in the chain, from 1"),
    sa.Column("next_attempt_time", Time, comment="when another attempt follows by itself"),
    sa.Column("has_late_failure", sa.Boolean, nullable=False),
    *_row_columns(),
)

refund = sa.Table(
    "refund",
    metadata,
    _id("refund_id", primary_key=True),
    _id("order_id"),
    _id("payment_id"),
    sa.Column("state", sa.Text, nullable=False, comment="derived from the facts, kept for searching"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("currency_code", sa.Text, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("next_call_time", Time, comment="when the provider is asked next; empty once the outcome is known"),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("polls", sa.Integer, nullable=False),
    sa.Column("is_pending", sa.Boolean, nullable=False),
    sa.Column("is_succeeded", sa.Boolean, nullable=False),
    sa.Column("is_failed", sa.Boolean, nullable=False),
    sa.Column("provider_reference", sa.Text),
    *_row_columns(),
)

credit_note = sa.Table(
    "credit_note",
    metadata,
    _id("credit_note_id", primary_key=True),
    _id("order_id"),
    _id("invoice_id"),
    sa.Column("credit_note_number", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("currency_code", sa.Text, nullable=False),
    sa.Column("net", sa.BigInteger, nullable=False),
    sa.Column("tax", sa.BigInteger, nullable=False),
    sa.Column("lines", Json, nullable=False),
    _id("refund_id", nullable=True),
    sa.Column("reason", sa.Text, comment="why a person issued it; empty for a cancellation"),
    sa.Column("comment", sa.Text, nullable=False),
    *_row_columns(),
)

provider_message = sa.Table(
    "provider_message",
    metadata,
    sa.Column("message_key", sa.Text, primary_key=True, comment="PROVIDER/ID; kept for ever, so never applied twice"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("refused_field", sa.Text, comment="the field for which nothing followed from it"),
    sa.Column("refused_rule", sa.Text),
    *aggregate_columns(),
)

counter = sa.Table(
    "counter",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("year", sa.Integer, nullable=False, comment="numbers begin at 1 in each year"),
    sa.Column("last_number", sa.BigInteger, nullable=False),
    *aggregate_columns(),
)

journal = sa.Table(
    "journal",
    metadata,
    _id("journal_id", primary_key=True),
    sa.Column("ref", sa.Text, nullable=False, comment="the natural key of the fact"),
    sa.Column("kind", sa.Text, nullable=False),
    _id("order_id", nullable=True),
    _id("invoice_id", nullable=True),
    _id("source_event_id", nullable=True),
    sa.Column("post_time", Time, nullable=False),
)

entry = sa.Table(
    "entry",
    metadata,
    sa.Column("journal_id", pg.UUID(as_uuid=False), sa.ForeignKey("journal.journal_id"), primary_key=True),
    sa.Column("line", sa.SmallInteger, primary_key=True),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("currency_code", sa.Text, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False, comment="signed: debits positive, credits negative"),
)

unsealed = sa.Table("unsealed", metadata, _id("journal_id", primary_key=True), comment="journals that wait for the sealer")

seal = sa.Table(
    "seal",
    metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    _id("journal_id"),
    sa.Column("previous_hash", sa.LargeBinary, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
)

ledger_head = sa.Table(
    "ledger_head",
    metadata,
    sa.Column("ledger", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    *aggregate_columns(),
)

balance = sa.Table(
    "balance",
    metadata,
    sa.Column("span", sa.Text, primary_key=True),
    sa.Column("from_time", Time, primary_key=True),
    sa.Column("currency_code", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("debit", sa.Numeric, nullable=False),
    sa.Column("credit", sa.Numeric, nullable=False),
    comment="what the sealed journals of a span of time moved; the sealer adds to it",
)
