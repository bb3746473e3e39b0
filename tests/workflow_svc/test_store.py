"""The store on a real database: round trip, and what the database itself refuses."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from chassis import migrate
from chassis.database import insert_rows, sqlstate
from chassis.tables import metadata as chassis_metadata
from chassis.world import Decision, World, keys
from tests.workflow_svc.builders import BUYER, NOW, a_decider, a_decision, a_policy, an_approval, eur
from workflow_svc.domain.approval import Approval, ApprovalState, decide
from workflow_svc.domain.events import About
from workflow_svc.domain.order import Order
from workflow_svc.domain.policy import SubjectType
from workflow_svc.invariants import check
from workflow_svc.store import ORDER_POLICY, STORE
from workflow_svc.tables import approval_decision, metadata, policy


def kept_approval(engine: sa.Engine) -> Approval:
    """Store an order with an open two-step approval."""
    order_id, approval_id = str(uuid.uuid4()), str(uuid.uuid4())
    about = About(order_id, SubjectType.ORDER, order_id)
    approval = replace(an_approval(eur(1_200_000)), approval_id=approval_id, about=about)
    with engine.begin() as connection:
        world = STORE.load(connection, keys(Order, [order_id]))
        order = Order(order_id, placed=True, paid=True, placed_by=BUYER, approval_id=approval_id)
        world.apply(Decision(changed=(order, approval)), NOW)
        STORE.save(connection, world)
    return approval


def loaded(engine: sa.Engine, kind: type, key: str) -> World:
    with engine.begin() as connection:
        return STORE.load(connection, keys(kind, [key]))


def test_seeded_policy_is_the_one_that_is_documented(engine: sa.Engine) -> None:
    assert loaded(engine, Order, str(uuid.uuid4())).extra[ORDER_POLICY] == a_policy()


def test_approval_comes_back_as_it_was_whether_named_itself_or_by_its_order(engine: sa.Engine) -> None:
    approval = kept_approval(engine)
    for kind, key in ((Approval, approval.approval_id), (Order, approval.about.order_id)):
        world = loaded(engine, kind, key)
        assert world.find(Approval, approval.approval_id) == approval
        order = world.find(Order, approval.about.order_id)
        assert order == Order(approval.about.order_id, placed=True, paid=True, placed_by=BUYER, approval_id=approval.key)


def test_decisions_are_added_one_by_one_and_never_written_again(engine: sa.Engine) -> None:
    approval = kept_approval(engine)
    for number, decider in enumerate((a_decider("approver", "Approver"), a_decider("finance", "Finance"))):
        with engine.begin() as connection:
            world = STORE.load(connection, keys(Approval, [approval.approval_id]))
            current = world.find(Approval, approval.approval_id)
            assert current is not None
            now = NOW + timedelta(minutes=number)
            approval, _ = decide(current, a_decision(current), decider=decider, version=world.version(current), now=now)
            world.apply(Decision(changed=(approval,)), now)
            STORE.save(connection, world)
    kept = loaded(engine, Approval, approval.approval_id).find(Approval, approval.approval_id)
    assert kept == approval
    assert kept.state is ApprovalState.GRANTED


def decision_row(approval: Approval, **changes: Any) -> dict[str, Any]:
    return {
        "approval_id": approval.approval_id,
        "sequence": 1,
        "step_number": 1,
        "decider_issuer": BUYER.issuer,
        "decider_subject": "approver-id",
        "decider_username": "approver",
        "requester_issuer": BUYER.issuer,
        "requester_subject": BUYER.subject,
        "decision": "APPROVED",
        "comment": "",
        "decide_time": NOW,
        **changes,
    }


@pytest.mark.parametrize(
    ("rows", "constraint"),
    [
        ([{"decider_subject": BUYER.subject}], "requester_never_decides"),
        ([{"decider_subject": BUYER.subject, "requester_subject": "somebody"}], "approval_decision_approval_id_requester"),
        ([{}, {"sequence": 2, "step_number": 2}], "nobody_decides_twice"),
        ([{"decision": "MAYBE"}], "approval_decision_verdict"),
        ([{"step_number": 3}], "approval_decision_approval_id_step_number"),
    ],
)
def test_database_keeps_duties_segregated(engine: sa.Engine, rows: list[dict[str, Any]], constraint: str) -> None:
    approval = kept_approval(engine)
    with pytest.raises(sa.exc.IntegrityError, match=constraint), engine.begin() as connection:
        insert_rows(connection, approval_decision, [decision_row(approval, **row) for row in rows])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE approval_decision SET decision = 'REJECTED'",
        "DELETE FROM approval_decision",
        "TRUNCATE approval_decision",
        "UPDATE policy SET rules = '[]'",
        "DELETE FROM policy",
    ],
)
def test_decisions_and_policies_are_append_only(engine: sa.Engine, statement: str) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="append-only") as refused, engine.begin() as connection:
        connection.execute(sa.text(statement))
    assert sqlstate(refused.value) == "42501"


def test_policy_with_a_condition_that_is_not_known_is_refused_instead_of_matching_everything(engine: sa.Engine) -> None:
    rules = [{"name": "new", "when": {"weather": "bad"}, "steps": []}]
    with engine.connect() as connection, connection.begin() as transaction:
        row = {"policy_id": ORDER_POLICY, "policy_version": 2, "subject_type": "ORDER", "opens": "AFTER_PAYMENT"}
        insert_rows(connection, policy, [{**row, "rules": rules, "create_time": NOW}])
        with pytest.raises(TypeError, match="weather"):
            STORE.load(connection, keys(Order, [str(uuid.uuid4())]))
        transaction.rollback()


def test_invariants_name_what_was_tampered_with(engine: sa.Engine) -> None:
    approval = kept_approval(engine)
    with engine.connect() as connection, connection.begin() as transaction:
        assert [finding.wrong for finding in check(connection)] == [(), (), ()]
        wanted = {"id": approval.approval_id, "order": approval.about.order_id}
        connection.execute(sa.text("UPDATE approval SET state = 'GRANTED' WHERE approval_id = :id"), wanted)
        assert [bool(finding.wrong) for finding in check(connection)] == [True, False, False]
        connection.execute(sa.text("UPDATE approval SET state = 'PENDING' WHERE approval_id = :id"), wanted)
        connection.execute(sa.text("UPDATE orders SET cancelled = true WHERE order_id = :order"), wanted)
        assert [bool(finding.wrong) for finding in check(connection)] == [False, False, True]
        connection.execute(sa.text("ALTER TABLE approval_decision DROP CONSTRAINT nobody_decides_twice"))
        insert_rows(connection, approval_decision, [decision_row(approval), decision_row(approval, sequence=2, step_number=2)])
        assert [bool(finding.wrong) for finding in check(connection)] == [True, True, True]
        transaction.rollback()


def test_tables_and_migrations_agree(engine: sa.Engine) -> None:
    inspector = sa.inspect(engine)
    for table in (*chassis_metadata.tables.values(), *metadata.tables.values()):
        columns = {column["name"]: column["nullable"] for column in inspector.get_columns(table.name)}
        assert columns == {column.name: column.nullable for column in table.columns}, table.name


def test_migrations_go_down_and_up_again(new_database: Any) -> None:
    url = new_database("workflow")
    migrate.upgrade("workflow_svc", url)
    migrate.downgrade("workflow_svc", url)
    migrate.upgrade("workflow_svc", url)
