"""The real parts for tests: skipped with a reason where they cannot be had, a failure where ATLAS_REQUIRE_REAL=1 says so."""

from __future__ import annotations

import os
import shutil

import pytest

from deploy.local.choices import REQUIRE_REAL
from deploy.local.errors import StackError
from deploy.local.real.availability import CHECKS
from deploy.local.real.distribution import KAFKA, KEYCLOAK
from deploy.local.real.fetch import fetch

FETCHED = {"kafka": KAFKA, "issuer": KEYCLOAK}


def need_real(*parts: str) -> None:
    """Go on where the real provider of each part is there, or Maven can fetch it; else skip, or fail."""
    for part in parts:
        try:
            if part in FETCHED and FETCHED[part].variable not in os.environ and shutil.which("mvn"):
                fetch(FETCHED[part], lambda line: None)
            CHECKS[part]()
        except StackError as refusal:
            if os.environ.get(REQUIRE_REAL) == "1":
                raise
            pytest.skip(f"no real {part}: {refusal.what}")
