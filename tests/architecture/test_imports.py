"""The import contracts of .importlinter hold, and each of them breaks when it should."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

PREFIX = "importlinter:contract:"

BREAKS = [
    ("services-are-strangers", "inventory_svc/queries.py", "from order_svc import store"),
    ("services-are-strangers", "reporting_svc/queries.py", "import billing_svc.wire"),
    ("services-stand-on-chassis", "workflow_svc/rpc.py", "from gateway import settings"),
    ("services-stand-on-chassis", "billing_svc/app.py", "import deploy.sandbox_psp"),
    ("chassis-knows-nobody", "chassis/relay.py", "from order_svc.domain import order"),
    ("chassis-knows-nobody", "chassis/rest/routes.py", "import gateway"),
    ("domain-is-pure", "order_svc/domain/order.py", "import sqlalchemy"),
    ("domain-is-pure", "inventory_svc/domain/__init__.py", "from chassis import clock"),
    ("domain-is-pure", "billing_svc/domain/__init__.py", "from atlas.billing.v1 import invoice_pb2"),
    ("domain-is-pure", "workflow_svc/domain/__init__.py", "from workflow_svc import store"),
    ("money-and-errors-are-pure", "chassis/money.py", "import structlog"),
    ("edges-ask-over-the-wire", "gateway/app.py", "from order_svc import wire"),
    ("edges-ask-over-the-wire", "cli/show.py", "from reporting_svc import store"),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source that may be broken."""
    target = tmp_path_factory.mktemp("copy")
    parser = _contracts()
    for package in [*parser["importlinter"]["root_packages"].split(), "tests/architecture"]:
        ignore = shutil.ignore_patterns("__pycache__", "*.json", "*.pyc")
        shutil.copytree(ROOT / package, target / package, ignore=ignore)
    shutil.copy(ROOT / ".importlinter", target)
    return target


def _contracts() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    return parser


def _lint(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [str(program), "--no-cache", "--no-logo", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_every_import_contract_is_kept(copy: Path) -> None:
    linted = _lint(copy)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_each_contract_has_a_break() -> None:
    named = {name.removeprefix(PREFIX) for name in _contracts().sections() if name.startswith(PREFIX)}
    assert named == {contract for contract, _, _ in BREAKS}


@pytest.mark.parametrize(("contract", "file", "line"), BREAKS)
def test_a_forbidden_import_breaks_its_contract(copy: Path, contract: str, file: str, line: str) -> None:
    broken = copy / file
    before = broken.read_text(encoding="utf-8")
    try:
        broken.write_text(f"{before}\n{line}\n", encoding="utf-8")
        linted = _lint(copy, "--contract", contract)
    finally:
        broken.write_text(before, encoding="utf-8")
    assert linted.returncode != 0, linted.stdout
    assert "BROKEN" in linted.stdout, linted.stdout + linted.stderr
