"""The ground of the fault tests, one for each worker of the run, and the trial of one fault on it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cli.client import RestClient
from cli.connection import StackAddresses
from cli.seed import plant
from deploy.local import StackRequest, free_base, start, stop
from tests.faults.ground import PATIENCE_SECONDS, Ground
from tests.faults.load import Load, loaded
from tests.faults.promises import check
from tests.faults.table import Row, write
from tests.faults.watch import Watch
from tests.real import need_real

ON_VARIABLE = "ATLAS_FAULTS_ON"
"""`real` runs the suite on Apache Kafka and the system's PostgreSQL and Redis."""
KEEP_VARIABLE = "ATLAS_FAULTS_KEEP"
"""Keeps the folder of the stack, with its logs, for a look at what went wrong."""
REAL = ("kafka", "postgres", "redis")


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    """A stack of this worker's own. PostgreSQL waits for its disk, since it is killed too."""
    providers = dict.fromkeys(REAL, "real") if os.environ.get(ON_VARIABLE) == "real" else {}
    need_real(*providers)
    home = Path(tempfile.mkdtemp(prefix="atlas-faults-"))
    switches = home / "failpoints"
    switches.mkdir()
    before = os.environ.get("ATLAS_FAILPOINTS")
    os.environ["ATLAS_FAILPOINTS"] = str(switches)
    try:
        raw = start(StackRequest(home, free_base(), stop_with=os.getpid(), providers=providers))
    finally:
        os.environ.pop("ATLAS_FAILPOINTS")
        if before is not None:
            os.environ["ATLAS_FAILPOINTS"] = before
    try:
        with RestClient(StackAddresses.parse(raw), PATIENCE_SECONDS) as client:
            plant(client)
            yield Ground(home, client.addresses, client, switches)
    finally:
        stop(home)
        if not os.environ.get(KEEP_VARIABLE):
            shutil.rmtree(home, ignore_errors=True)


@dataclass(slots=True)
class Trial:
    """One load under one or more faults. A test says what it did; the rows are written when every promise was kept."""

    ground: Ground
    load: Load
    stories: dict[str, str] = field(default_factory=dict)
    over: float = 0.0
    """When the fault ended, by the monotonic clock; by default at the end of the block."""
    foreign: set[str] = field(default_factory=set)
    """Events that the test has put into topics itself."""

    def tell(self, fault: str, story: str) -> None:
        """Say in a few words what was done for a fault and what came of it."""
        self.stories[fault] = story

    def end(self) -> None:
        """The fault is over: from now on the time to settle is measured."""
        self.over = time.monotonic()


Try = Callable[..., contextlib.AbstractContextManager[Trial]]


@pytest.fixture
def trial(ground: Ground) -> Try:
    """Run a load while the block injects the fault; afterwards all orders end, I1 to I11 hold, and the rows are written."""

    @contextlib.contextmanager
    def run(*gateways: RestClient, seconds: float = 4.0) -> Iterator[Trial]:
        restarts = sum(ground.restarts().values())
        watch = Watch(ground)
        with loaded(ground, gateways, seconds=seconds) as load:
            watch.start()
            made = Trial(ground, load)
            yield made
            made.over = made.over or time.monotonic()
        settled = time.monotonic() - made.over
        wrong = check(load, frozenset(made.foreign))
        watch.stop()
        assert wrong == []
        kills = sum(ground.restarts().values()) - restarts
        counts = (load.total, len(load.till.unknown), len(load.till.had_happened), kills, settled)
        seen = watch.counted
        letters = dead_letters(ground, load)
        rows = [Row(fault, story, *counts, seen["duplicate"], seen["parked"], letters) for fault, story in made.stories.items()]
        print(*(row.line() for row in rows), sep="\n")
        write(rows, ground.kafka)

    return run


def dead_letters(ground: Ground, load: Load) -> int:
    """How many dead letters there are since the load began, decided on or not."""
    total = 0
    for service in ground.addresses.postgres:
        with ground.database(service) as connection:
            query = "SELECT count(*) FROM dead_letter WHERE create_time >= %s"
            total += int(str((connection.execute(query, [load.began]).fetchone() or (0,))[0]))
    return total
