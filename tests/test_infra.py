"""The servers of the test run answer, and each module has its own database."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import redis.asyncio
from confluent_kafka.admin import AdminClient


async def test_module_database_is_empty_and_writable(postgres_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(postgres_url) as connection:
        await connection.execute("CREATE TABLE thing (id int)")
        row = await (await connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")).fetchone()
    assert row == (1,)


async def test_redis_answers(redis_url: str) -> None:
    async with redis.asyncio.from_url(redis_url) as client:
        assert await client.ping()


def test_new_topic_has_the_partitions_asked_for(kafka_bootstrap: str, new_topic: Callable[[int], str]) -> None:
    name = new_topic(3)
    metadata = AdminClient({"bootstrap.servers": kafka_bootstrap}).list_topics(name, timeout=5)
    assert len(metadata.topics[name].partitions) == 3
