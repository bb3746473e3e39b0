"""The gateway in front of a real gRPC server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.gateway.backend import Backend, Gateway, a_gateway, a_server


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """A gateway whose order service is a test's backend."""
    backend = Backend()
    async with a_server(backend) as address, a_gateway({"order": address, "billing": address}, backend) as gateway:
        yield gateway
