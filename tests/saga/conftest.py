"""The databases of the plays, one set a worker."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.saga.databases import Databases


@pytest.fixture(scope="session")
def databases(new_database: Callable[[str], str]) -> Databases:
    """Five databases, migrated when first asked for."""
    return Databases(new_database)
