"""What the realm file and docs/rbac.md promise: who there is, and which scopes each role has."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.source import ROOT

REALM = json.loads((ROOT / "deploy" / "keycloak" / "atlas-erp-realm.json").read_text("utf-8"))
RBAC = ROOT / "docs" / "rbac.md"
SHOP = "atlas-shop"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the realm file."""

    username: str
    subject: str
    roles: tuple[str, ...]

    @property
    def scopes(self) -> set[str]:
        """What the page says its roles may do."""
        return set().union(*(SCOPES[role] for role in self.roles))


def scopes_of_the_page(page: Path) -> dict[str, set[str]]:
    """Read the table of scopes: a column for each role, and one for the shop."""
    lines = page.read_text("utf-8").partition("## Scopes of the roles")[2].partition("##")[0].splitlines()
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {role: {row[0].strip("`") for row in rows if row[column] == "yes"} for column, role in enumerate(head) if column > 0}


SCOPES = scopes_of_the_page(RBAC)
PEOPLE = {
    user["username"]: Account(user["username"], user["id"], tuple(user["realmRoles"]))
    for user in REALM["users"]
    if "serviceAccountClientId" not in user
}
MACHINES = {
    user["serviceAccountClientId"]: Account(user["username"], user["id"], tuple(user["realmRoles"]))
    for user in REALM["users"]
    if "serviceAccountClientId" in user
}
