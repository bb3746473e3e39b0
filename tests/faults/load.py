"""200 orders under way: placed at a steady pace, followed up by their buyers, until each has ended as its kind ends."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime

from cli.client import Json, RestClient
from cli.scenarios.narrator import Silence
from cli.scenarios.stage import Stage
from cli.waiting import wait_until
from tests.faults.ground import Ground
from tests.faults.orders import DEAR, MIX, Kind
from tests.faults.till import Till
from tests.faults.topics import Marks, marks

CALLERS = 8
SETTLE_SECONDS = 120.0
LOOK_SECONDS = 0.25


class Load:
    """One load of 200 orders; `kinds` names what each acknowledged order is."""

    def __init__(self, ground: Ground, gateways: Sequence[RestClient] = (), *, seconds: float = 4.0) -> None:
        self.ground = ground
        self.began = datetime.now(UTC)
        self.marks: Marks = marks(ground)
        self.till = Till(gateways or [ground.client])
        self.kinds: dict[str, Kind] = {}
        self.customer = f"cust-{uuid.uuid4().hex[:12]}"
        self.total = sum(kind.count for kind in MIX)
        self._seconds, self._started = seconds, 0.0
        self._pool = ThreadPoolExecutor(CALLERS)
        self._lookers = ThreadPoolExecutor(CALLERS)
        self._placed: list[Future[None]] = []
        self._looking: Future[None] | None = None
        self._acted: dict[tuple[str, str], Future[None]] = {}
        self._over = threading.Event()
        stage = Stage(ground.client, Silence())
        self.skus = {
            "plenty": stage.item("PLENTY", stock=self.total),
            "dear": stage.item("DEAR", stock=sum(kind.count for kind in MIX if kind.item == "dear"), price=DEAR),
            "scarce": stage.item("SCARCE", stock=0),
        }

    def start(self) -> None:
        """Begin to place and to follow up."""
        self._started = time.monotonic()
        orders = [kind for kind in MIX for _ in range(kind.count)]
        turns = sorted(range(len(orders)), key=lambda number: number * 61 % len(orders))  # kinds mixed, the same each time
        self._placed = [self._pool.submit(self._place, orders[turn], place) for place, turn in enumerate(turns)]
        self._looking = self._lookers.submit(self._look_after)
        self._looking.add_done_callback(self._give_up)

    def _give_up(self, looking: Future[None]) -> None:
        self._over.set()

    def check_up(self) -> None:
        """Raise what ended the following up, if anything did: no order would be acted on any more."""
        if self._looking is not None and self._looking.done():
            self._looking.result()

    def _place(self, kind: Kind, place: int) -> None:
        pause = self._started + place * self._seconds / self.total - time.monotonic()
        self._over.wait(max(0.0, pause))
        order = self.till.command(
            "buyer", "/v1/orders", kind.body(self.skus[kind.item], self.customer), f"{self.customer}-{place}"
        )
        self.kinds[order["order_id"]] = kind

    def until_placed(self, count: int) -> None:
        """Wait until so many orders are acknowledged."""
        wait_until(lambda: len(self.kinds), lambda placed: placed >= count, what=f"{count} orders", seconds=SETTLE_SECONDS)

    def orders(self) -> list[Json]:
        """Every order of this load's customer, as order_svc has it."""
        return list(self.till.reader.pages("/v1/orders", "orders", customer_id=self.customer))

    def _look_after(self) -> None:
        """Follow up what is seen in a state that its kind acts on; each once. Give stock when all is placed."""
        while not self._over.wait(LOOK_SECONDS):
            for order in self.orders():
                self._act(order["order_id"], order["state"])
            if ("stock", "") not in self._acted and len(self.kinds) == self.total:
                self._acted["stock", ""] = self._lookers.submit(self._receive)

    def _act(self, order_id: str, state: str) -> None:
        kind = self.kinds.get(order_id)
        if kind and state in kind.acts and (order_id, state) not in self._acted:
            self._acted[order_id, state] = self._lookers.submit(kind.acts[state], self.till, order_id)

    def _receive(self) -> None:
        units = sum(kind.count for kind in MIX if kind.item == "scarce")
        lines = [{"sku": self.skus["scarce"], "quantity": units}]
        body = {"reference": f"PO-{self.customer}", "lines": lines}
        self.till.command("ops", "/v1/inventory/receipts", body, f"{self.customer}-receipt")

    def settle(self) -> None:
        """Wait until every order has ended as its kind ends; raise what a caller met, or NeverHappened."""
        for placed in self._placed:
            placed.result()
        wait_until(self.open, lambda left: not left, what="the end of all orders", seconds=SETTLE_SECONDS)
        for acted in self._acted.values():
            acted.result()

    def open(self) -> dict[tuple[str, str, str], int]:
        """What has not ended yet, counted by kind, state and settlement."""
        self.check_up()
        for acted in list(self._acted.values()):
            if acted.done():
                acted.result()
        seen = {order["order_id"]: (order["state"], order.get("settlement", "")) for order in self.orders()}
        left = ((kind, *seen.get(order_id, ("MISSING", ""))) for order_id, kind in self.kinds.items())
        return Counter((kind.name, state, settlement) for kind, state, settlement in left if (state, settlement) != kind.end)

    def close(self) -> None:
        """Stop following up."""
        self._over.set()
        for pool in (self._pool, self._lookers):
            pool.shutdown(cancel_futures=True)
        self.till.close()


@contextlib.contextmanager
def loaded(ground: Ground, gateways: Sequence[RestClient] = (), *, seconds: float = 4.0) -> Iterator[Load]:
    """200 orders, placed over so many seconds while the block runs; its end waits until all have ended."""
    load = Load(ground, gateways, seconds=seconds)
    try:
        load.start()
        yield load
        load.settle()
    finally:
        load.close()
