"""Accounts with their invoices, payments, refunds and credit notes, number series, and the tables of the chassis."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from chassis import tables_0001

revision = "0001"
down_revision = None

Id = pg.UUID(as_uuid=False)
Time = sa.DateTime(timezone=True)
PARTS = ("credit_note", "refund", "payment", "invoice")


def upgrade() -> None:
    """Bring the change in."""
    tables_0001.upgrade()
    _accounts()
    _invoices()
    _payments()
    _refunds()
    _credit_notes()
    _counters()
    for part in PARTS:
        op.create_index(f"{part}_newest", part, ["create_time", f"{part}_id"])
        op.create_index(f"{part}_order", part, ["order_id"])


def _accounts() -> None:
    op.create_table(
        "order_account",
        sa.Column("order_id", Id, primary_key=True),
        sa.Column("placed_by_issuer", sa.Text),
        sa.Column("placed_by", sa.Text),
        sa.Column("placed_by_username", sa.Text),
        sa.Column("terms", pg.JSONB),
        sa.Column("is_reserved", sa.Boolean, nullable=False),
        sa.Column("reservation_failure", sa.Text),
        sa.Column("is_cancelled", sa.Boolean, nullable=False),
        sa.Column("shipments", pg.JSONB, nullable=False),
        sa.Column("closing", pg.JSONB),
        *_aggregate(),
    )
    op.create_index("order_account_placed_by", "order_account", ["placed_by", "create_time"])


def _invoices() -> None:
    op.create_table(
        "invoice",
        sa.Column("invoice_id", Id, primary_key=True),
        sa.Column("order_id", Id, sa.ForeignKey("order_account.order_id"), nullable=False, unique=True),
        sa.Column("invoice_number", sa.Text, nullable=False, unique=True),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("currency_code", sa.Text, nullable=False),
        *[sa.Column(name, sa.BigInteger, nullable=False) for name in ("net", "tax", "paid", "credited", "refunded")],
        sa.Column("outstanding", sa.BigInteger, nullable=False),
        sa.Column("is_cancelled", sa.Boolean, nullable=False),
        sa.Column("is_void", sa.Boolean, nullable=False),
        sa.Column("issue_time", Time, nullable=False),
        sa.Column("due_time", Time, nullable=False),
        *_part(),
        sa.CheckConstraint("net >= 0 AND tax >= 0 AND credited >= 0 AND outstanding >= 0", name="invoice_amounts"),
        sa.CheckConstraint("0 <= refunded AND refunded <= paid AND paid <= net + tax", name="invoice_paid"),
    )


def _payments() -> None:
    op.create_table(
        "payment",
        sa.Column("payment_id", Id, primary_key=True),
        sa.Column("order_id", Id, sa.ForeignKey("order_account.order_id"), nullable=False),
        sa.Column("invoice_id", Id, sa.ForeignKey("invoice.invoice_id"), nullable=False),
        sa.Column("attempt_number", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("currency_code", sa.Text, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("payment_method", sa.Text, nullable=False),
        sa.Column("next_call_time", Time),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("polls", sa.Integer, nullable=False),
        *[sa.Column(name, sa.Boolean, nullable=False) for name in ("is_unknown", "is_pending", "is_lost", "is_withdrawn")],
        sa.Column("decline_kind", sa.Text),
        sa.Column("received", sa.BigInteger),
        sa.Column("received_currency_code", sa.Text),
        sa.Column("applied", sa.BigInteger),
        sa.Column("provider_reference", sa.Text),
        sa.Column("exception_id", Id),
        *_part(),
        sa.UniqueConstraint("invoice_id", "attempt_number"),
        sa.CheckConstraint("amount > 0 AND received > 0 AND applied >= 0", name="payment_amounts"),
    )
    op.create_index(
        "payment_one_open",
        "payment",
        ["invoice_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('INITIATED', 'PENDING', 'UNKNOWN')"),
    )


def _refunds() -> None:
    op.create_table(
        "refund",
        sa.Column("refund_id", Id, primary_key=True),
        sa.Column("order_id", Id, sa.ForeignKey("order_account.order_id"), nullable=False),
        sa.Column("payment_id", Id, sa.ForeignKey("payment.payment_id"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("currency_code", sa.Text, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("next_call_time", Time),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("polls", sa.Integer, nullable=False),
        *[sa.Column(name, sa.Boolean, nullable=False) for name in ("is_pending", "is_succeeded", "is_failed")],
        sa.Column("provider_reference", sa.Text),
        *_part(),
        sa.CheckConstraint("amount > 0", name="refund_amount"),
    )
    op.create_index("refund_payment", "refund", ["payment_id"])


def _credit_notes() -> None:
    op.create_table(
        "credit_note",
        sa.Column("credit_note_id", Id, primary_key=True),
        sa.Column("order_id", Id, sa.ForeignKey("order_account.order_id"), nullable=False),
        sa.Column("invoice_id", Id, sa.ForeignKey("invoice.invoice_id"), nullable=False),
        sa.Column("credit_note_number", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("currency_code", sa.Text, nullable=False),
        sa.Column("net", sa.BigInteger, nullable=False),
        sa.Column("tax", sa.BigInteger, nullable=False),
        sa.Column("lines", pg.JSONB, nullable=False),
        sa.Column("refund_id", Id, sa.ForeignKey("refund.refund_id")),
        *_part(),
        sa.CheckConstraint("net >= 0 AND tax >= 0", name="credit_note_amounts"),
    )


def _counters() -> None:
    op.create_table(
        "counter",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("last_number", sa.BigInteger, nullable=False),
        *_aggregate(),
    )
    op.execute(
        "INSERT INTO counter (name, last_number, version, stream_sequence, create_time, update_time)"
        " VALUES ('invoice', 0, 1, 0, now(), now()), ('credit_note', 0, 1, 0, now(), now())"
    )


def _part() -> list[sa.Column[object]]:
    return [
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("create_time", Time, nullable=False),
        sa.Column("update_time", Time, nullable=False),
    ]


def _aggregate() -> list[sa.Column[object]]:
    return [*_part(), sa.Column("stream_sequence", sa.BigInteger, nullable=False)]


def downgrade() -> None:
    """Take it back."""
    for table in ("counter", *PARTS, "order_account"):
        op.drop_table(table)
    tables_0001.downgrade()
