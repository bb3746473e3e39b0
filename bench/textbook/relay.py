"""The relay: polls the outbox, publishes one row, waits for its acknowledgement, marks it, and takes the next."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from confluent_kafka import KafkaError, Message, Producer
from sqlalchemy.orm import Session, sessionmaker

from bench.textbook.tables import OutboxEvent

_NEXT = sa.select(OutboxEvent).where(OutboxEvent.publish_time.is_(None)).order_by(OutboxEvent.id).limit(1)


class Relay:
    """Publishes the outbox of one database."""

    def __init__(self, sessions: sessionmaker[Session], bootstrap: str) -> None:
        self._sessions = sessions
        self._producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "log_level": 2})

    def step(self) -> bool:
        """Publish the next row. Returns whether there was one; a row without an acknowledgement stays pending."""
        with self._sessions.begin() as session:
            event = session.scalars(_NEXT.with_for_update(skip_locked=True)).first()
            if event is None:
                return False
            errors: list[KafkaError | None] = []

            def delivered(error: KafkaError | None, _message: Message) -> None:
                errors.append(error)

            self._producer.produce(event.topic, key=event.key, value=event.value, headers=event.headers, on_delivery=delivered)
            self._producer.flush()
            if errors != [None]:
                raise RuntimeError(f"not acknowledged: {errors}")
            event.publish_time = datetime.now(UTC)
        return True

    def drain(self) -> int:
        """Publish until nothing is pending. Returns how many rows were published."""
        count = 0
        while self.step():
            count += 1
        return count
