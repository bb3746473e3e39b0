"""The card that ends `atlas up`: where things are, who may log in, what to try next."""

from __future__ import annotations

from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.connection import StackAddresses

USERS = "admin, ops, ops2, finance, approver, approver2, viewer, buyer, buyer2 (password = name)"


def card(addresses: StackAddresses, *, whole: bool) -> Panel:
    """The card of a whole stack, or of a part of one, which has servers only."""
    rows = _whole(addresses) if whole else {"PostgreSQL": _place(addresses), "Redis": addresses.redis, "Kafka": addresses.kafka}
    table = Table.grid(padding=(0, 2))
    for name, value in (rows | {"home": addresses.home}).items():
        table.add_row(Text(name, style="bold"), Text(value, overflow="fold"))
    return Panel.fit(table, title="Atlas ERP", title_align="left")


def _whole(addresses: StackAddresses) -> dict[str, str]:
    return {
        "REST": f"{addresses.base_url}/v1",
        "docs": f"{addresses.base_url}/docs",
        "gRPC": ", ".join(f"{name} {place}" for name, place in addresses.grpc.items()),
        "issuer": addresses.issuer,
        "users": USERS,
        "token": "atlas token --user buyer",
        "next": "atlas demo happy · atlas status · atlas down",
    }


def _place(addresses: StackAddresses) -> str:
    """Host and port of the database server."""
    return next(iter(addresses.postgres.values())).rpartition("@")[2].partition("/")[0]
