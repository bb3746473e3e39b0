"""Ports are one block from a base; a port somebody listens on is found."""

from __future__ import annotations

import socket

from deploy.local.ports import HIGHEST_OFFSET, LOCALHOST, Ports, busy, free_base


def test_every_port_is_inside_the_block_of_its_base() -> None:
    ports = Ports(9000)
    named = {ports.gateway, ports.gateway_admin, ports.postgres, ports.redis, ports.kafka, ports.issuer, ports.psp}
    assert named == {9000, 9001, 9060, 9061, 9062, 9063, 9064}
    named |= {ports.kafka_controller, ports.issuer_management}
    assert max(named) == 9000 + HIGHEST_OFFSET


def test_a_port_with_a_listener_is_busy() -> None:
    with socket.create_server((LOCALHOST, 0)) as server:
        port = server.getsockname()[1]
        assert busy([port]) == [port]
    assert busy([port]) == []


def test_free_base_names_a_block_that_is_free() -> None:
    base = free_base()
    assert busy(range(base, base + HIGHEST_OFFSET + 1)) == []
