"""Orders, approvals, decisions, and the policy orders-default version 1."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from chassis import tables_0001

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Uuid = pg.UUID(as_uuid=False)
Time = sa.DateTime(timezone=True)
DAY_SECONDS = 86_400

APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = '42501';
END $$
"""
REVOKE = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'workflow_svc_app') THEN
    REVOKE UPDATE, DELETE, TRUNCATE ON approval_decision, policy FROM workflow_svc_app;
  END IF;
END $$
"""


def _step(role: str) -> dict[str, object]:
    return {"role": role, "quorum": 1, "deadline_seconds": DAY_SECONDS, "on_timeout": "REJECT"}


def _from(minor_units: int) -> dict[str, object]:
    return {"total_at_least": {"currency_code": "EUR", "minor_units": minor_units}}


RULES = [
    {"name": "total-1000-eur", "when": _from(100_000), "steps": [_step("Approver")]},
    {"name": "total-10000-eur", "when": _from(1_000_000), "steps": [_step("Approver"), _step("Finance")]},
]


def upgrade() -> None:
    """Make every table and the seeded policy."""
    tables_0001.upgrade()
    _orders()
    _policies()
    _approvals()
    _steps()
    _decisions()
    _append_only()


def downgrade() -> None:
    """Drop every table."""
    for table in ("approval_decision", "approval_step", "approval", "policy", "orders"):
        op.drop_table(table)
    op.execute("DROP FUNCTION refuse_change()")
    tables_0001.downgrade()


def _aggregate_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("stream_sequence", sa.BigInteger, nullable=False),
        sa.Column("create_time", Time, nullable=False),
        sa.Column("update_time", Time, nullable=False),
    ]


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("order_id", Uuid, primary_key=True),
        sa.Column("placed", sa.Boolean, nullable=False),
        sa.Column("paid", sa.Boolean, nullable=False),
        sa.Column("cancelled", sa.Boolean, nullable=False),
        sa.Column("placed_by_issuer", sa.Text),
        sa.Column("placed_by_subject", sa.Text),
        sa.Column("placed_by_username", sa.Text),
        sa.Column("approval_id", Uuid),
        *_aggregate_columns(),
    )


def _policies() -> None:
    table = op.create_table(
        "policy",
        sa.Column("policy_id", sa.Text, primary_key=True),
        sa.Column("policy_version", sa.Integer, primary_key=True),
        sa.Column("subject_type", sa.Text, nullable=False),
        sa.Column("opens", sa.Text, nullable=False),
        sa.Column("rules", pg.JSONB, nullable=False),
        sa.Column("create_time", Time, nullable=False),
        sa.CheckConstraint("policy_version >= 1", name="policy_version_from_1"),
    )
    op.execute(
        sa.insert(table).values(
            policy_id="orders-default",
            policy_version=1,
            subject_type="ORDER",
            opens="AFTER_PAYMENT",
            rules=RULES,
            create_time=sa.func.date_trunc("milliseconds", sa.func.now()),
        )
    )


def _approvals() -> None:
    op.create_table(
        "approval",
        sa.Column("approval_id", Uuid, primary_key=True),
        sa.Column("order_id", Uuid, sa.ForeignKey("orders.order_id"), nullable=False),
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
        *_aggregate_columns(),
        sa.ForeignKeyConstraint(["policy_id", "policy_version"], ["policy.policy_id", "policy.policy_version"]),
        sa.UniqueConstraint("approval_id", "requester_issuer", "requester_subject", name="approval_requester"),
        sa.CheckConstraint("state IN ('PENDING', 'GRANTED', 'REJECTED', 'WITHDRAWN')", name="approval_state"),
    )
    pending = sa.text("state = 'PENDING'")
    op.create_index("approval_pending", "approval", ["subject_type", "subject_id"], unique=True, postgresql_where=pending)
    op.create_index("approval_order", "approval", ["order_id"])
    op.create_index("approval_newest", "approval", ["create_time", "approval_id"])


def _steps() -> None:
    op.create_table(
        "approval_step",
        sa.Column("approval_id", Uuid, sa.ForeignKey("approval.approval_id"), primary_key=True),
        sa.Column("step_number", sa.Integer, primary_key=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("quorum", sa.Integer, nullable=False),
        sa.Column("deadline_seconds", sa.Integer, nullable=False),
        sa.Column("on_timeout", sa.Text, nullable=False),
        sa.Column("reminder_seconds", pg.JSONB, nullable=False),
        sa.Column("escalate_to", pg.JSONB, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("due_time", Time),
        sa.CheckConstraint("quorum >= 1", name="approval_step_quorum"),
        sa.CheckConstraint("state IN ('WAITING', 'OPEN', 'DECIDED', 'SUPERSEDED')", name="approval_step_state"),
        sa.CheckConstraint("on_timeout IN ('ESCALATE', 'REJECT')", name="approval_step_never_silent"),
    )
    op.create_index("approval_step_open", "approval_step", ["role"], postgresql_where=sa.text("state = 'OPEN'"))


def _decisions() -> None:
    op.create_table(
        "approval_decision",
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
        sa.ForeignKeyConstraint(["approval_id", "step_number"], ["approval_step.approval_id", "approval_step.step_number"]),
        # the requester of this row is the approval's own, so that the next check cannot be talked out of it
        sa.ForeignKeyConstraint(
            ["approval_id", "requester_issuer", "requester_subject"],
            ["approval.approval_id", "approval.requester_issuer", "approval.requester_subject"],
        ),
        sa.CheckConstraint(
            "(decider_issuer, decider_subject) <> (requester_issuer, requester_subject)", name="requester_never_decides"
        ),
        sa.UniqueConstraint("approval_id", "decider_issuer", "decider_subject", name="nobody_decides_twice"),
        sa.CheckConstraint("decision IN ('APPROVED', 'REJECTED')", name="approval_decision_verdict"),
    )


def _append_only() -> None:
    op.execute(APPEND_ONLY)
    for table in ("approval_decision", "policy"):
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(REVOKE)
