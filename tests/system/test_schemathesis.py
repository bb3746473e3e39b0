"""Schemathesis over the OpenAPI document against the running stack: no 5xx, no answer that is not documented."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.auditing.auditor import audit
from cli.client import Json, RestClient
from cli.scenarios.narrator import Silence
from cli.scenarios.playing import perform
from cli.scenarios.stage import Stage, an_order
from tests.contracts.schema import ROOT
from tests.security.tokens import Forge, signer_of
from tests.stack import Stack

pytestmark = pytest.mark.stack

DOCUMENT = ROOT / "gen" / "openapi" / "atlas.v1.json"
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
LEFT_OUT = "(clock/advance|rewind)$"  # they would move the clock of the other tests by years
TOKEN_SECONDS = 3000
SECONDS = 240.0
FUZZING_SECONDS = 90


@pytest.fixture(scope="module")
def identifiers(client: RestClient) -> dict[str, str]:
    """One of everything that has an id, so that not every read is a 404."""
    return dict(_identifiers(client))


@pytest.mark.timeout(300)
def test_examples_and_coverage_find_nothing(
    stack: Stack, client: RestClient, identifiers: dict[str, str], tmp_path: Path
) -> None:
    found = _run(stack, identifiers, tmp_path, "--phases", "examples,coverage")
    assert found.returncode == 0, found.stdout[-8000:]
    assert [invariant for invariant in audit(client) if not invariant.holds] == []


@pytest.mark.full
@pytest.mark.timeout(300)
def test_fuzzing_finds_nothing(stack: Stack, client: RestClient, identifiers: dict[str, str], tmp_path: Path) -> None:
    found = _run(stack, identifiers, tmp_path, "--phases", "fuzzing", "--max-time", str(FUZZING_SECONDS))
    assert found.returncode == 0, found.stdout[-8000:]
    assert [invariant for invariant in audit(client) if not invariant.holds] == []


def _run(stack: Stack, identifiers: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the tool in a process of its own, as a caller who may do everything."""
    config = folder / "schemathesis.toml"
    config.write_text("[parameters]\n" + "".join(f'"path.{name}" = "{value}"\n' for name, value in identifiers.items()))
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config), "run", str(DOCUMENT)]
    command += ["--url", stack.addresses.base_url, "--header", f"Authorization: Bearer {_token(stack)}"]
    command += ["--checks", ",".join(CHECKS), "--exclude-path-regex", LEFT_OUT, "--continue-on-failure", *arguments]
    environment = {**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)


def _token(stack: Stack) -> str:
    """A token with every scope there is."""
    now = int(time.time())
    paths = ROOT.joinpath("docs", "rbac.md").read_text().splitlines()
    scopes = tuple(row.split("`")[1] for row in paths if row.startswith("| `"))
    return Forge(signer_of(stack.home / "data" / "issuer"), stack.addresses.issuer, now, scopes=scopes).token(
        exp=now + TOKEN_SECONDS
    )


def _identifiers(client: RestClient) -> Iterator[tuple[str, str]]:
    stage = Stage(client, Silence())
    order = stage.place("order", an_order(stage.item("LAMP", stock=1), 1))
    stage.until_state(order, "CONFIRMED")
    fulfillment = stage.ops.post(f"/v1/orders/{order.order_id}/fulfillments")
    assert perform("approval", client).holds
    yield "order_id", order.order_id
    yield "price_id", _first(stage, "/v1/prices")["price_id"]
    yield "fulfillment_id", fulfillment["fulfillment_id"]
    for name, path in {
        "invoice_id": "/v1/invoices",
        "payment_id": "/v1/payments",
        "refund_id": "/v1/refunds",
        "credit_note_id": "/v1/credit-notes",
        "journal_id": "/v1/ledger/journals",
        "approval_id": "/v1/approvals",
    }.items():
        yield name, _first(stage, path)[name]
    yield "receipt_id", stage.receive("LAMP-01", 1)["receipt_id"]


def _first(stage: Stage, path: str) -> Json:
    page: Json = stage.reader.get(path, page_size=1)
    plural = path.rpartition("/")[2].replace("-", "_")
    row: Json = page[plural][0]
    return row
