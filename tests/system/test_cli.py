"""The command line against a running stack: exit codes, --json, what a person reads."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import psycopg
import pytest

from cli.client import RestClient
from cli.exits import ExitCode
from cli.scenarios.narrator import Silence
from cli.scenarios.stage import Stage, an_order, euros
from tests.cli.atlas_command import atlas, atlas_json
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]


@pytest.fixture
def home(stack: Stack) -> Path:
    """Where the stack of the run lives."""
    return stack.home


def test_seed_twice_is_seed_once(home: Path) -> None:
    first, second = atlas_json("seed", home=home), atlas_json("seed", home=home)
    assert {row["sku"] for row in first} == {"LAMP-01", "DESK-02", "CHAIR-03", "RARE-04"}
    assert [row["on_hand"] for row in second] == [row["on_hand"] for row in first]
    assert not any(row["made"] for row in second)


def test_an_order_from_quote_to_fulfillment(home: Path, client: RestClient) -> None:
    stage = Stage(client, Silence())
    line = f"{stage.item('LAMP', stock=3)}:2:19.99"
    assert atlas_json("order", "quote", "--line", line, home=home)["quote"]["total"]["minor_units"] == 4798
    key = str(uuid.uuid4())
    placed = atlas_json("order", "place", "--line", line, "--key", key, home=home)
    assert atlas_json("order", "place", "--line", line, "--key", key, home=home)["order_id"] == placed["order_id"]
    followed = atlas_json("saga", "show", placed["order_id"], "--follow", home=home)
    assert followed["order"]["state"] == followed["timeline"]["state"] == "CONFIRMED"
    assert [step["event_type"] for step in followed["timeline"]["remaining_steps"]] == ["OrderFulfilled"]
    shipped = atlas_json("order", "fulfill", placed["order_id"], "--tracking", "T-1", home=home)
    assert [line["quantity"] for line in shipped["lines"]] == [2]
    assert atlas_json("order", "get", placed["order_id"], home=home)["state"] == "FULFILLED"
    listed = atlas_json("order", "list", "--state", "FULFILLED", "--limit", "5", home=home)
    assert placed["order_id"] in [order["order_id"] for order in listed]


def test_a_quote_shows_price_stock_and_approvals_on_one_screen(home: Path, client: RestClient, tmp_path: Path) -> None:
    stage = Stage(client, Silence())
    sku = stage.item("DEAR", stock=2)
    file = tmp_path / "order.json"
    file.write_text(json.dumps(an_order(sku, 600)))
    shown = atlas("order", "quote", str(file), home=home).stdout
    assert "total 14,392.80 EUR: 11,994.00 EUR and 2,398.80 EUR tax" in shown
    assert "stock: not all of it is there or announced" in shown
    assert "approval: 1 with the role Approver, then 1 with the role Finance" in shown
    arrival = "2035-01-31T12:00:00.000Z"
    atlas_json("stock", "announce", f"PO-{sku}", arrival, "--line", f"{sku}:1000", home=home)
    asked = atlas_json("order", "quote", str(file), home=home)
    assert asked["availability"]["lines"] == [{"sku": sku, "quantity": 600, "available_now": 2, "expected_time": arrival}]
    assert f"stock: all of it is expected by {arrival}" in atlas("order", "quote", str(file), home=home).stdout


def test_orders_are_found_by_what_is_known_of_them(home: Path, client: RestClient) -> None:
    customer, reference = f"cust-{uuid.uuid4().hex[:8]}", f"web-{uuid.uuid4().hex[:8]}"
    client.as_user("ops").post("/v1/prices", {"sku": "NO-SUCH-SKU", "unit_price": euros(1999), "tax_rate_basis_points": 2000})
    asked = an_order("NO-SUCH-SKU", 1) | {"customer_id": customer}
    placed = [client.as_user("buyer").post("/v1/orders", order) for order in (asked | {"client_reference": reference}, asked)]
    first, second = (order["order_id"] for order in placed)

    def found(*filters: str) -> list[str]:
        return [order["order_id"] for order in atlas_json("order", "list", "--customer", customer, *filters, home=home)]

    assert found("--reference", reference, "--to", placed[1]["create_time"]) == [first]
    assert found("--from", placed[1]["create_time"], "--state", "PLACED", "--state", "CANCELLED") == [second]


def test_stock_is_received_corrected_revalued_and_explained(home: Path, client: RestClient) -> None:
    sku = Stage(client, Silence()).item("STOCK", stock=0)
    assert atlas_json("stock", "receive", "--line", f"{sku}:5", home=home)["lines"] == [{"sku": sku, "quantity": 5}]
    lost = atlas("stock", "adjust", "--line", f"{sku}:-2", "--reason", "LOST", home=home)
    assert (lost.returncode, "completed orders: none" in lost.stdout) == (ExitCode.OK, True)
    assert atlas_json("stock", "cost", sku, "12.50", home=home)["standard_cost"]["minor_units"] == 1250
    shown = atlas_json("stock", "movements", sku, home=home)
    assert [(each["reason"], each["on_hand_after"], each["value_change"]["minor_units"]) for each in shown] == [
        ("COST_CHANGED", 3, 150),
        ("LOST", 3, -2400),
        ("RECEIPT", 5, 6000),
    ]


def test_saga_show_tells_what_happened_and_what_is_still_to_come(home: Path, client: RestClient) -> None:
    stage = Stage(client, Silence())
    order = stage.place("order", an_order(stage.item("LAMP", stock=1), 2))
    stage.until_state(order, "BACKORDERED")
    shown = atlas("saga", "show", order.order_id, "--follow", home=home)
    assert shown.returncode == ExitCode.OK
    assert "InventoryReservationFailed" in shown.stdout
    assert "still to come:" in shown.stdout
    assert "BACKORDERED: reservation BACKORDERED" in shown.stdout
    assert atlas("order", "cancel", order.order_id, home=home).returncode == ExitCode.OK


def test_lists_of_every_service(home: Path, client: RestClient) -> None:
    stage = Stage(client, Silence())
    stage.place("order", an_order(stage.item("LIST", stock=1), 1))
    entries = atlas_json("outbox", "list", "order", "--limit", "3", home=home)
    assert {entry["service"] for entry in entries} == {"order"}
    assert atlas_json("parked", "list", home=home) == []
    assert atlas_json("dlq", "list", home=home) == []
    assert atlas("parked", "list", home=home).stdout == "nothing there\n"


def test_clock_is_the_same_everywhere(home: Path) -> None:
    before = atlas_json("clock", "show", home=home)
    after = atlas_json("clock", "advance", "90s", home=home)
    offsets = [row["offset_seconds"] for row in before]
    assert [row["offset_seconds"] for row in after] == [offset + 90 for offset in offsets]
    assert len({row["service"] for row in after}) == 5


def test_demo_and_invariants_end_well(home: Path) -> None:
    played = atlas_json("demo", "declined", home=home)
    assert played["holds"]
    assert {row["owner"] for row in played["invariants"]} >= {"all", "order", "inventory", "billing", "workflow", "reporting"}
    checked = atlas("invariants", home=home)
    assert checked.returncode == ExitCode.OK
    assert "FAIL" not in checked.stdout


def test_tampered_stock_breaks_an_invariant(stack: Stack, home: Path) -> None:
    with psycopg.connect(stack.addresses.postgres["inventory_svc"], autocommit=True) as database:
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="is not the sum of its movements"):
            database.execute("UPDATE stock_item SET on_hand = on_hand + 1 WHERE sku = 'LAMP-01'")
        database.execute("UPDATE stock_item SET cost_minor_units = cost_minor_units + 1 WHERE sku = 'LAMP-01'")
        try:
            checked = atlas("invariants", "--settle", "1", home=home)
        finally:
            database.execute("UPDATE stock_item SET cost_minor_units = cost_minor_units - 1 WHERE sku = 'LAMP-01'")
    assert checked.returncode == ExitCode.INVARIANT_BROKEN
    assert "X stock value (all)" in checked.stderr
    assert "I7.value (inventory)" in checked.stderr
    assert atlas("invariants", home=home).returncode == ExitCode.OK


def test_events_replay_says_how_much_was_read(home: Path) -> None:
    rows = atlas_json("events", "replay", home=home)
    assert len(rows) == 5
    assert all(row["messages"] >= 0 for row in rows)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("order", "get", "019a0000-0000-7000-8000-000000000000"), ExitCode.FAILED, "NOT_FOUND"),
        (("order", "get", "nonsense"), ExitCode.FAILED, "/order_id"),
        (("order", "place", "--line", "LAMP-01:0:1"), ExitCode.FAILED, "/lines/0/quantity"),
        (("order", "place", "--line", "LAMP-01"), ExitCode.USAGE, "cannot read the line"),
        (("saga", "show", "019a0000-0000-7000-8000-000000000000"), ExitCode.FAILED, "NOT_FOUND"),
        (("parked", "list", "shipping"), ExitCode.USAGE, "there is no service shipping"),
        (("parked", "retry", "billing", "999999"), ExitCode.FAILED, "NOT_FOUND"),
        (("dlq", "discard", "billing", "999999"), ExitCode.FAILED, "NOT_FOUND"),
        (("clock", "advance", "soon"), ExitCode.USAGE, "soon is no duration"),
        (("demo", "nothing"), ExitCode.USAGE, "there is no scenario nothing"),
    ],
)
def test_refusal_has_its_exit_code_and_a_next_step(home: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    done = atlas(*arguments, home=home)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert "\nnext:  " in done.stderr
    assert "Traceback" not in done.stderr
