"""The tables of workflow_svc. Decisions and policies are append-only: the database refuses to change them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis.tables import Time, aggregate_columns

Uuid = pg.UUID(as_uuid=False)
metadata = sa.MetaData()

orders = sa.Table(
    "orders",
    metadata,
    sa.Column("order_id", Uuid, primary_key=True),
    sa.Column("placed", sa.Boolean, nullable=False),
    sa.Column("paid", sa.Boolean, nullable=False),
    sa.Column("cancelled", sa.Boolean, nullable=False),
    sa.Column("placed_by_issuer", sa.Text),
    sa.Column("placed_by_subject", sa.Text),
    sa.Column("placed_by_username", sa.Text),
    sa.Column("approval_id", Uuid),
    *aggregate_columns(),
)

policy = sa.Table(
    "policy",
    metadata,
    sa.Column("policy_id", sa.Text, primary_key=True),
    sa.Column("policy_version", sa.Integer, primary_key=True),
    sa.Column("subject_type", sa.Text, nullable=False),
    sa.Column("opens", sa.Text, nullable=False),
    sa.Column("rules", pg.JSONB, nullable=False),
    sa.Column("create_time", Time, nullable=False),
)

approval = sa.Table(
    "approval",
    metadata,
    sa.Column("approval_id", Uuid, primary_key=True),
    sa.Column("order_id", Uuid, nullable=False),
    sa.Column("subject_type", sa.Text, nullable=False),
    sa.Column("subject_id", Uuid, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("withdrawn", sa.Boolean, nullable=False),
    sa.Column("requester_issuer", sa.Text, nullable=False),
    sa.Column("requester_subject", sa.Text, nullable=False),
    sa.Column("requester_username", sa.Text, nullable=False),
    sa.Column("policy_id", sa.Text, nullable=False),
    sa.Column("policy_version", sa.Integer, nullable=False),
    sa.Column("matched_rules", pg.JSONB, nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("discount_basis_points", sa.Integer, nullable=False),
    sa.Column("currency_code", sa.Text, nullable=False),
    sa.Column("total_minor_units", sa.BigInteger, nullable=False),
    sa.Column("terms_version", sa.Integer, nullable=False),
    *aggregate_columns(),
)

approval_step = sa.Table(
    "approval_step",
    metadata,
    sa.Column("approval_id", Uuid, primary_key=True),
    sa.Column("step_number", sa.Integer, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("quorum", sa.Integer, nullable=False),
    sa.Column("deadline_seconds", sa.Integer, nullable=False),
    sa.Column("on_timeout", sa.Text, nullable=False),
    sa.Column("reminder_seconds", pg.JSONB, nullable=False),
    sa.Column("escalate_to", pg.JSONB, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("due_time", Time),
)

approval_decision = sa.Table(
    "approval_decision",
    metadata,
    sa.Column("approval_id", Uuid, primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("step_number", sa.Integer, nullable=False),
    sa.Column("decider_issuer", sa.Text, nullable=False),
    sa.Column("decider_subject", sa.Text, nullable=False),
    sa.Column("decider_username", sa.Text, nullable=False),
    sa.Column("requester_issuer", sa.Text, nullable=False),
    sa.Column("requester_subject", sa.Text, nullable=False),
    sa.Column("decision", sa.Text, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("decide_time", Time, nullable=False),
)
