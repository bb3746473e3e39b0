"""The issuers of the suite, one of each for the whole run: the dev issuer always, Keycloak in the long version."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from tests.oidc import issuers
from tests.oidc.issuers import FIRST_START_SECONDS, Issuer

SECONDS = 30.0


@pytest.fixture(scope="session")
def dev_issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    """The dev issuer of this run."""
    with issuers.dev_issuer(tmp_path_factory.mktemp("dev-issuer")) as running:
        yield running


@pytest.fixture(scope="session")
def keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    """The Keycloak of this run."""
    with issuers.real_keycloak(tmp_path_factory.mktemp("keycloak")) as running:
        yield running


@pytest.fixture(
    scope="session",
    params=["dev_issuer", pytest.param("keycloak", marks=[pytest.mark.full, pytest.mark.timeout(FIRST_START_SECONDS)])],
)
def issuer(request: pytest.FixtureRequest) -> Issuer:
    """Each issuer in turn."""
    running: Issuer = request.getfixturevalue(request.param)
    return running


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    """A client that follows no redirect and uses no proxy."""
    async with httpx2.AsyncClient(trust_env=False, timeout=SECONDS) as client:
        yield client
