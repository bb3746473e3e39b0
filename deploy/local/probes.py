"""Readiness in each component's own protocol. A probe returns a version and raises while the answer is not the right one."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import psycopg
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.local.component import Probe
from deploy.local.ports import LOCALHOST

TIMEOUT_SECONDS = 2


class NotReady(Exception):
    """The component answers, but not yet as it should."""


def postgres(url: str) -> Probe:
    """Ready when a query is answered."""

    async def probe() -> str:
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=TIMEOUT_SECONDS) as connection:
            cursor = await connection.execute("SELECT current_setting('server_version')")
            row = await cursor.fetchone()
        return str(row[0]).partition(" ")[0] if row else ""

    return probe


def redis_server(url: str) -> Probe:
    """Ready when PING is answered."""

    import redis.asyncio  # a quarter of a second, which commands that never ask need not wait

    async def probe() -> str:
        async with redis.asyncio.from_url(url, socket_timeout=TIMEOUT_SECONDS) as client:
            await client.ping()
            facts: dict[str, Any] = await client.info("server")
        return str(facts.get("valkey_version") or facts.get("redis_version"))

    return probe


def kafka(bootstrap: str, version: Callable[[], str]) -> Probe:
    """Ready when cluster metadata names a broker. The protocol tells no release, so `version` does."""

    def ask() -> str:
        admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, "socket.timeout.ms": TIMEOUT_SECONDS * 1000})
        try:
            brokers = admin.list_topics(timeout=TIMEOUT_SECONDS).brokers
        except KafkaException as error:
            raise NotReady(error.args[0].str()) from error
        if not brokers:
            raise NotReady("no broker in the metadata")
        return version()

    return lambda: asyncio.to_thread(ask)


def ready_endpoint(port: int, path: str, version: str) -> Probe:
    """Ready when `path` on this port answers 200."""

    async def probe() -> str:
        await asyncio.to_thread(fetch, f"http://{LOCALHOST}:{port}{path}")
        return version

    return probe


def issuer(url: str, version: str) -> Probe:
    """Ready when the discovery document names the same issuer."""

    async def probe() -> str:
        if (await asyncio.to_thread(discovery, url))["issuer"] != url:
            raise NotReady("the discovery document names another issuer")
        return version

    return probe


def discovery(url: str) -> dict[str, Any]:
    """The OIDC discovery document of an issuer."""
    document: dict[str, Any] = json.loads(fetch(f"{url}/.well-known/openid-configuration"))
    return document


def fetch(url: str) -> bytes:
    """The body behind a URL; NotReady for any status but 200."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or LOCALHOST, parts.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise NotReady(f"{parts.path} answered {answer.status}")
    return body
