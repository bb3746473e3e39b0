"""The goals: what each row of the table measures, what it is compared with, and the bounds it has to keep."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Better(Enum):
    """Which way a goal improves."""

    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True, slots=True)
class Target:
    """One row: the name and unit of what is measured, its floor, and the bounds on the ratio (or on the value)."""

    name: str
    unit: str
    floor: str
    must: float
    aim: float
    better: Better

    def keeps(self, judged: float, bound: float) -> bool:
        """Whether a ratio (or a value without a floor) keeps a bound."""
        return judged >= bound if self.better is Better.HIGHER else judged <= bound


_PGBENCH_ORDER = "pgbench, same SQL, one order a transaction, pipelined, 8 clients"
_PGBENCH_EVENT = "pgbench, the saga's SQL one event at a time"
_PGBENCH_ROW = "pgbench, the locked update of that row, as many a transaction"
_PGBENCH_JOURNALS = "pgbench, the same inserts in the same batches"
_RAW = "raw produce → consume, same settings"

TARGETS: Final[dict[str, Target]] = {
    "P1": Target("POST /v1/orders accepted", "orders/s", _PGBENCH_ORDER, 0.40, 0.60, Better.HIGHER),
    "P2": Target("POST /v1/orders accepted", "orders/s", "the textbook reference", 4, 7, Better.HIGHER),
    "P3": Target("saga, placed → confirmed", "orders/s", _PGBENCH_EVENT, 1.5, 3, Better.HIGHER),
    "P5": Target("relay drains its outbox", "events/s", "the bare idempotent producer, same bytes", 0.5, 0.7, Better.HIGHER),
    "P6.p50": Target("commit → consumer at 200/s, p50", "ms", _RAW, 6, 3, Better.LOWER),
    "P6.p99": Target("commit → consumer at 200/s, p99", "ms", _RAW, 12, 5, Better.LOWER),
    "P8": Target("gateway CPU over a bare gRPC client", "µs", "a no-op FastAPI route", 2.5, 1.5, Better.LOWER),
    "P12.gateway": Target("memory, gateway", "MB", "", 130, 100, Better.LOWER),
    "P12.serve": Target("memory, order_svc serve", "MB", "", 110, 80, Better.LOWER),
    "P12.relay": Target("memory, order_svc relay", "MB", "", 70, 55, Better.LOWER),
    "P12.all": Target("memory, largest service, all roles", "MB", "", 180, 150, Better.LOWER),
    "S1": Target("orders a second that reserve one SKU", "orders/s", _PGBENCH_ROW, 0.5, 1, Better.HIGHER),
    "S1.batch": Target("the same", "orders/s", "one order a transaction", 3, 5, Better.HIGHER),
    "S2": Target("a receipt completes 1,000 backorders of 2 lines", "ms", "the same rows by unnest", 3, 1.5, Better.LOWER),
    "S2.crowd": Target("the same while 100,000 others wait", "ms", "without the others", 1.25, 1.1, Better.LOWER),
    "S3.first": Target("first page of the worst filter, 10^6 orders", "ms", "the same on 10^4", 1.5, 1.2, Better.LOWER),
    "S3.hundredth": Target("hundredth page of the worst filter", "ms", "the same on 10^4", 1.5, 1.2, Better.LOWER),
    "B1": Target("journals written", "journals/s", _PGBENCH_JOURNALS, 0.5, 0.8, Better.HIGHER),
    "B2": Target("verify 10^6 sealed journals", "ms", "COPY of the same rows", 4, 3, Better.LOWER),
    "B3": Target("trial balance on 10^6 journals", "ms", "the same on 10^3", 1.5, 1.2, Better.LOWER),
    "B3.past": Target("the same as of past times", "ms", "now, on 10^3", 5, 2, Better.LOWER),
    "B4": Target("an invoice with a gapless number", "µs CPU", "the same, numbers nobody locks", 1.25, 1.1, Better.LOWER),
    "idle.ours": Target("idle CPU, all our processes", "% of a core", "", 15, 8, Better.LOWER),
    "idle.kafka": Target("idle CPU, Kafka", "% of a core", "", 5, 3, Better.LOWER),
}
