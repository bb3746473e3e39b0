"""What each Kafka provider can do: clients pick their profile from it, tests skip with its reason, not pass falsely."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class KafkaCapability:
    """The abilities of one broker and the client settings it needs."""

    provider: str
    durable: bool
    exact_lag: bool
    compaction: bool
    transactions: bool
    producer: Mapping[str, str | int | bool]
    consumer: Mapping[str, str | int | bool]

    @property
    def limits(self) -> str:
        """What it cannot do, as a phrase; empty when it can do everything."""
        lacks = {
            "keeps nothing over a restart": not self.durable,
            "lag only with one message a batch": not self.exact_lag,
            "no compaction": not self.compaction,
            "no transactions": not self.transactions,
        }
        return ", ".join(phrase for phrase, lacking in lacks.items() if lacking)


EMBEDDED = KafkaCapability(
    provider="embedded",
    durable=False,
    exact_lag=False,
    compaction=False,
    transactions=False,
    # Its watermarks count batches, so a batch holds one message; it does not wake a waiting fetch.
    producer=MappingProxyType({"linger.ms": 0, "batch.num.messages": 1}),
    consumer=MappingProxyType({"session.timeout.ms": 6000, "heartbeat.interval.ms": 1000, "fetch.wait.max.ms": 50}),
)
APACHE = KafkaCapability(
    provider="apache",
    durable=True,
    exact_lag=True,
    compaction=True,
    transactions=True,
    producer=MappingProxyType({}),
    consumer=MappingProxyType({"fetch.wait.max.ms": 500}),
)
CAPABILITIES: Mapping[str, KafkaCapability] = MappingProxyType({"embedded": EMBEDDED, "apache": APACHE})
