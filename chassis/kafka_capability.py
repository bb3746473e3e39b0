"""What each Kafka provider can do: clients take their settings from it, tests skip with its reason, not pass falsely."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

Settings = Mapping[str, str | int | bool]


LACKS: Mapping[str, str] = MappingProxyType(
    {
        "durable": "keeps nothing over a restart",
        "exact_lag": "lag only with one message a batch",
        "compaction": "no compaction",
        "transactions": "no transactions",
        "deduplicates": "writes a record again whose acknowledgement was lost",
    }
)
"""How each ability that a provider does not have is told."""


@dataclass(frozen=True, slots=True)
class KafkaCapability:
    """The abilities of one provider, and the client settings it needs beside those that every client has."""

    provider: str
    durable: bool
    exact_lag: bool
    compaction: bool
    transactions: bool
    deduplicates: bool
    producer: Settings
    consumer: Settings

    @property
    def limits(self) -> str:
        """What it cannot do, as a phrase; empty when it can do everything."""
        return ", ".join(phrase for ability, phrase in LACKS.items() if not getattr(self, ability))


EMBEDDED = KafkaCapability(
    provider="embedded",
    durable=False,
    exact_lag=False,
    compaction=False,
    transactions=False,
    deduplicates=False,
    # Its watermarks count batches, so a batch holds one message. After a restart it gives out the same producer ids again and
    # takes a record of one producer for a repetition of another's (ADR 0017): they have none, and send one at a time.
    producer=MappingProxyType(
        {
            "linger.ms": 0,
            "batch.num.messages": 1,
            "enable.idempotence": False,
            "max.in.flight.requests.per.connection": 1,
            "message.send.max.retries": 0,
            "reconnect.backoff.ms": 1000,
            "reconnect.backoff.max.ms": 1000,
        }
    ),
    # It does not wake a waiting fetch. It forgets, and the relay publishes again: a lost offset is no accident.
    consumer=MappingProxyType({"fetch.wait.max.ms": 50, "auto.offset.reset": "earliest"}),
)
APACHE = KafkaCapability(
    provider="apache",
    durable=True,
    exact_lag=True,
    compaction=True,
    transactions=True,
    deduplicates=True,
    producer=MappingProxyType({"linger.ms": 1, "enable.idempotence": True}),
    consumer=MappingProxyType({"fetch.wait.max.ms": 500, "auto.offset.reset": "error"}),
)
CAPABILITIES: Mapping[str, KafkaCapability] = MappingProxyType({"embedded": EMBEDDED, "apache": APACHE})
