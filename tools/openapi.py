"""Writes gen/openapi/atlas.v1.json from the contracts: python tools/openapi.py [FILE]."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from chassis.rest.openapi.comments import read_comments  # noqa: E402 - the path above makes it importable
from chassis.rest.openapi.document import Document  # noqa: E402
from chassis.rest.openapi.responses import ALWAYS, header_refs  # noqa: E402
from gateway.services import all_routes  # noqa: E402

TARGET = ROOT / "gen" / "openapi" / "atlas.v1.json"
INFO = {
    "title": "Atlas ERP",
    "version": "1.0.0",
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    "description": (
        "Orders, stock, billing and approvals. Money is whole minor units of a currency, times are RFC 3339 UTC with three "
        "decimals, quantities are whole stock units. A list is newest first and continues with `page_token`. A request with "
        "an effect carries an `Idempotency-Key`; repeating it is safe. Refusals are problem documents (RFC 9457) whose `type` "
        "is a page at `/docs/problems/{code}`. Values of enums may be added at any time. A request may also be written as "
        "canonical ProtoJSON (camelCase names, 64-bit integers as strings, full enum names), and an integer as `950.0`."
    ),
}
ME: dict[str, Any] = {
    "operationId": "getMe",
    "tags": ["Me"],
    "summary": "Says who the caller is",
    "description": "Says who the caller is, and what the token allows.",
    "security": [{"bearer": []}],
    "responses": {
        "200": {
            "description": "The caller.",
            "headers": header_refs(("X-Correlation-Id", "RateLimit", "RateLimit-Policy")),
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["subject", "username", "roles", "scopes"],
                        "properties": {
                            "subject": {"type": "string", "description": "The issuer's id of the caller."},
                            "username": {"type": "string", "description": "The name he signs in with."},
                            "roles": {"type": "array", "items": {"type": "string"}, "description": "What he is."},
                            "scopes": {"type": "array", "items": {"type": "string"}, "description": "What he may do."},
                        },
                    }
                }
            },
        }
    },
}
ME_REASONS = [reason for reason in ALWAYS if reason not in ("OVERLOADED", "DEADLINE_EXCEEDED")]


def build(image: bytes) -> dict[str, Any]:
    """Build the document from an image of the contracts with source information."""
    document = Document(INFO, read_comments(image))
    document.add(all_routes())
    document.add_operation("/v1/me", "get", ME, [*ME_REASONS, "UNAUTHENTICATED"])
    return document.build()


def image_of(root: Path) -> bytes:
    """Compile the contracts, with comments."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder, "image.binpb")
        subprocess.run(["buf", "build", "-o", str(image)], cwd=root, check=True)
        return image.read_bytes()


def write(document: dict[str, Any]) -> str:
    """Write the document as text, the same for the same contracts."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the file."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(write(build(image_of(ROOT))), "utf-8")


if __name__ == "__main__":
    main()
