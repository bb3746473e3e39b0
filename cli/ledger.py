"""`atlas ledger …`: is the ledger as it was written, does it agree with the provider, and what is in it."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.client import Caller, Json, connect
from cli.connection import DEFAULT_HOME, HomeOption, JsonOption
from cli.exits import CommandFailed
from cli.options import LimitOption
from cli.show import error_console, money, show_json, show_rows

BALANCE = ("account", "name", "debit", "credit", "balance")
JOURNAL = ("post_time", "kind", "ref", "entries", "sequence")
DIFFERENCE = ("kind", "resource_id", "ours", "theirs")
SIDES = {"DEBIT": "Dr", "CREDIT": "Cr"}
AsOfOption = Annotated[
    str | None, typer.Option("--as-of", metavar="TIME", help="What was posted up to 2030-01-01T00:00:00Z; now by default.")
]
OrderOption = Annotated[str | None, typer.Option("--order", metavar="ORDER_ID", help="Only journals of this order.")]
InvoiceOption = Annotated[str | None, typer.Option("--invoice", metavar="INVOICE_ID", help="Only journals of this invoice.")]
AccountOption = Annotated[str | None, typer.Option("--account", metavar="NUMBER", help="Only journals that move this account.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    ledger = typer.Typer(help="The ledger: verify it, reconcile it, read it.", no_args_is_help=True)
    ledger.command("verify", epilog="Example: atlas ledger verify")(verify)
    ledger.command("reconcile", epilog="Example: atlas ledger reconcile --json")(reconcile)
    ledger.command("balance", epilog="Example: atlas ledger balance --as-of 2030-01-01T00:00:00Z")(balance)
    ledger.command("journals", epilog="Example: atlas ledger journals --order ORDER_ID --account 1100")(journals)
    app.add_typer(ledger, name="ledger")


def verify(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Read the whole sealed chain and name each journal that is not as it was written. Exit 1 when there is one."""
    result = _verified(connect(home).as_user("finance"))
    if as_json:
        show_json(result)
    else:
        show_rows(result["findings"], ("journal_id", "finding"), empty="every journal is as it was written")
        head = f"; head {result['head_sequence']} {result['head_hash']}" if result["head_hash"] else ""
        print(f"{result['journals_checked']:,} journals read{head}")
    if not result["verified"]:
        what = "the ledger is not as it was written"
        raise CommandFailed(what, "find out who changed it below the application; then restore it from a backup")


def _verified(accountant: Caller) -> Json:
    """Verify call after call, each from where the one before ended; all of it as one answer."""
    result: Json = {"verified": True, "journals_checked": 0, "head_hash": "", "head_sequence": 0, "findings": []}
    after: int | None = 0
    with error_console.status("verifying the ledger") as status:
        while after is not None:
            part = accountant.post("/v1/ledger/verify", {"after_sequence": after})
            result["verified"] = result["verified"] and part["verified"]
            result["journals_checked"] += part["journals_checked"]
            result["findings"] += part.get("findings", [])
            if part.get("head_hash"):
                result |= {"head_hash": part["head_hash"], "head_sequence": part["head_sequence"]}
            status.update(f"verifying the ledger: {result['journals_checked']:,} journals")
            after = part.get("next_sequence")
    return result


def reconcile(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Compare invoices, payments and refunds with the provider's list and the ledger. Exit 1 when something differs."""
    with error_console.status("comparing with the provider and the ledger"):
        result = connect(home).as_user("finance").post("/v1/ledger/reconcile")
    if as_json:
        show_json(result)
    else:
        show_rows(result.get("differences", []), DIFFERENCE, empty="everything agrees")
        counts = (f"{result[f'{name}_checked']:,} {name}" for name in ("invoices", "payments", "refunds"))
        print(f"compared: {', '.join(counts)}")
    if not result["reconciled"]:
        raise CommandFailed("ours and theirs differ", "atlas payment show ID, atlas ledger journals --invoice ID")


def balance(as_of: AsOfOption = None, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Add up all accounts, per currency: debits equal credits. Exit 1 when they do not."""
    result = connect(home).as_user("finance").get("/v1/ledger/trial-balance", **({"as_of": as_of} if as_of else {}))
    currencies = result.get("currencies", [])
    if as_json:
        show_json(result)
    else:
        rows = [_balance_row(account, each["currency_code"]) for each in currencies for account in each["accounts"]]
        show_rows(rows, BALANCE, empty="nothing is posted")
        print(f"as of {result['as_of']}")
    if wrong := [each["currency_code"] for each in currencies if not each["balanced"]]:
        raise CommandFailed(f"debits and credits differ in {', '.join(wrong)}", "atlas ledger verify, atlas invariants")


def _balance_row(account: Json, currency: str) -> Json:
    amounts = {
        name: {"currency_code": currency, "minor_units": account[f"{name}_minor_units"]}
        for name in ("debit", "credit", "balance")
    }
    return {"account": account["account"], "name": account["name"]} | amounts


def journals(
    order: OrderOption = None,
    invoice: InvoiceOption = None,
    account: AccountOption = None,
    limit: LimitOption = 20,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List journals, newest first; all that is asked for has to hold."""
    asked = {"order_id": order, "invoice_id": invoice, "account": account}
    found = connect(home).as_user("finance").first("/v1/ledger/journals", "journals", limit, **asked)
    if as_json:
        show_json(found)
    else:
        show_rows([each | {"entries": entries_text(each["entries"])} for each in found], JOURNAL, empty="no journals")


def entries_text(entries: list[Json]) -> str:
    """Write the entries of a journal in one line, such as 1100 Dr 36.00 EUR, 2300 Cr 30.00 EUR."""
    return ", ".join(f"{each['account']} {SIDES[each['side']]} {money(each['amount'])}" for each in entries)
