"""`atlas order quote`: what an order would cost, when it could be shipped and who would have to approve it, on one screen."""

from __future__ import annotations

from cli.client import Json, connect
from cli.connection import DEFAULT_HOME, HomeOption, JsonOption
from cli.draft import FileArgument, LineOption, read_draft
from cli.seed import POLICY
from cli.show import money, show_json, show_rows

COLUMNS = ("line_number", "sku", "quantity", "unit_price", "net", "tax", "total", "available_now", "expected_time")


def quote(
    file: FileArgument = None, line: LineOption = None, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Ask before buying: price, stock and approvals of an order; nothing is placed or held."""
    order, buyer = read_draft(file, line, "pm_ok"), connect(home).as_user("buyer")
    priced = buyer.post("/v1/orders/quote", order)
    wanted = [{"sku": one["sku"], "quantity": one["quantity"]} for one in priced["lines"]]
    stock = buyer.post("/v1/inventory/availability", {"lines": wanted})
    approval = buyer.post(f"/v1/approval-policies/{POLICY}/evaluate", _subject(order, priced))
    if as_json:
        show_json({"quote": priced, "availability": stock, "approval": approval})
        return
    show_rows([one | held for one, held in zip(priced["lines"], stock["lines"], strict=True)], COLUMNS, empty="no lines")
    print(f"total {money(priced['total'])}: {money(priced['net'])} and {money(priced['tax'])} tax")
    print(f"stock: {stock_sentence(stock['lines'])}")
    print(f"approval: {approval_sentence(approval)}")


def stock_sentence(lines: list[Json]) -> str:
    """When all of an order could be shipped."""
    short = [line for line in lines if line["available_now"] < line["quantity"]]
    if not short:
        return "all of it is there"
    if any(line.get("expected_time") is None for line in short):
        return "not all of it is there or announced"
    return f"all of it is expected by {max(line['expected_time'] for line in short)}"


def approval_sentence(approval: Json) -> str:
    """Who would have to approve, in order, and which rules ask for it."""
    steps = [f"{step['quorum']} with the role {step['role']}" for step in approval["steps"]]
    return f"{', then '.join(steps)} (rules: {', '.join(approval['matched_rules'])})" if steps else "nobody has to"


def _subject(order: Json, priced: Json) -> Json:
    """What workflow looks at of an order: see EvaluatePolicyRequest."""
    discount = max(line["discount_basis_points"] for line in priced["lines"])
    return {"customer_id": order["customer_id"], "total": priced["total"], "discount_basis_points": discount}
