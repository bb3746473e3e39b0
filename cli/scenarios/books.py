"""What the ledger says, read through REST."""

from __future__ import annotations

from collections import Counter

from cli.client import Caller


def balances(reader: Caller, order_id: str, accounts: list[str]) -> dict[str, int]:
    """Debit minus credit of each of these accounts over the order's journals, in minor units."""
    total: Counter[str] = Counter()
    for journal in reader.pages("/v1/ledger/journals", "journals", order_id=order_id):
        for entry in journal["entries"]:
            sign = 1 if entry["side"] == "DEBIT" else -1
            total[entry["account"]] += sign * entry["amount"]["minor_units"]
    return {account: total[account] for account in accounts}


def trial_balance(reader: Caller) -> str:
    """`balanced`, or the currencies that are not."""
    currencies = reader.get("/v1/ledger/trial-balance").get("currencies", ())
    crooked = [row["currency_code"] for row in currencies if not row.get("balanced")]
    return f"not balanced: {', '.join(crooked)}" if crooked else "balanced"
