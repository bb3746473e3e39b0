"""The sealer: every journal is sealed once, whoever wrote it, whatever dies, and however many sealers there are."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from atlas.billing.v1 import billing_events_pb2
from billing_svc import sealing, tables
from billing_svc.sealing import Sealer
from chassis import failpoints
from tests.billing_svc.builders import inventory_reserved, order_placed
from tests.billing_svc.journals import chain, post, post_each, seal_all, sealer
from tests.billing_svc.till import Till, new_order_id

DEADLINE_SECONDS = 15


@pytest.fixture(scope="module")
def till(new_till: Callable[[], Till]) -> Till:
    """A service whose ledger has one order's journals, sealed."""
    till = new_till()
    till.settle(*[event for o in [new_order_id()] for event in (order_placed(o), inventory_reserved(o))])
    seal_all(till)
    return till


@pytest.fixture(autouse=True)
def _everything_is_sealed_once(till: Till) -> Any:
    """After every test: nothing waits, places are contiguous, and all that is kept holds."""
    yield
    seal_all(till)
    with till.application.database.connect() as connection:
        journals = set(connection.execute(sa.select(tables.journal.c.journal_id)).scalars())
    seals = chain(till)
    assert [seal.sequence for seal in seals] == list(range(1, len(journals) + 1))
    assert {str(seal.journal_id) for seal in seals} == journals
    assert till.findings() == []


def _waiting(till: Till) -> int:
    with till.application.database.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(tables.unsealed)).scalar_one()


def _told(till: Till) -> list[billing_events_pb2.LedgerHeadSealed]:
    """What the service said of its chain; that its stream is contiguous is checked there."""
    return till.published("ledger")  # type: ignore[return-value]  # nothing else has this key


def test_what_an_order_posts_is_sealed_and_told(till: Till) -> None:
    before, order_id = len(_told(till)), new_order_id()
    till.settle(order_placed(order_id), inventory_reserved(order_id))
    assert till.seal() == 2
    (told,) = _told(till)[before:]
    last = chain(till)[-1]
    assert (told.ledger, told.sequence, told.head_hash) == ("ledger", last.sequence, last.hash.hex())
    assert till.seal() == 0
    assert len(_told(till)) == before + 1, "nothing to seal is nothing to tell"


def test_journals_are_sealed_by_id_a_batch_at_a_time(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 3)
    before, posted = len(chain(till)), post_each(till, 7)
    assert [till.seal() for _ in range(4)] == [3, 3, 1, 0]
    assert [str(seal.journal_id) for seal in chain(till)[before:]] == sorted(posted)
    assert [told.sequence - before for told in _told(till)[-3:]] == [3, 6, 7]


def test_what_is_not_committed_is_not_sealed(till: Till) -> None:
    with till.application.database.connect() as connection:
        post(connection)
        assert till.seal() == 0
        connection.rollback()
    assert _waiting(till) == 0


def test_a_writer_never_waits_for_a_sealer(till: Till) -> None:
    with till.application.database.connect() as holder:
        holder.execute(sa.text("SELECT FROM ledger_head FOR UPDATE"))
        post_each(till, 3)
        holder.rollback()
    assert seal_all(till) == 3


@pytest.mark.parametrize("point", ["sealer.before_commit", "outbox.before_commit"])
def test_a_sealer_that_dies_before_its_commit_has_done_nothing(till: Till, point: str) -> None:
    before = len(chain(till))
    post_each(till, 4)
    with failpoints.armed(point, "crash"), pytest.raises(failpoints.FailpointCrash):
        till.seal()
    assert (len(chain(till)), _waiting(till)) == (before, 4)
    assert till.seal() == 4


def test_a_sealer_that_dies_after_any_of_its_writes_has_done_nothing(till: Till) -> None:
    post_each(till, 2)
    before, nth = len(chain(till)), 0
    while _dies_at_write(till, nth := nth + 1):
        assert (len(chain(till)), _waiting(till)) == (before, 2)
    assert nth > 4, "it takes from what waits, writes seals, balances, the head and an event"
    assert (len(chain(till)), _waiting(till)) == (before + 2, 0)


def _dies_at_write(till: Till, nth: int) -> bool:
    """Seal, and die right after the nth statement that writes; whether there was one."""
    writes = 0

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal writes
        writes += any(word in statement for word in ("INSERT INTO", "UPDATE ", "DELETE FROM")) and "FOR UPDATE" not in statement
        if writes == nth:
            raise failpoints.FailpointCrash(f"write {nth}")

    database = till.application.database
    sa.event.listen(database, "after_cursor_execute", count)
    try:
        till.seal()
    except failpoints.FailpointCrash:
        return True
    finally:
        sa.event.remove(database, "after_cursor_execute", count)
    return False


def test_two_sealers_and_writers_at_once_seal_everything_once(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 5)
    sealers, stopping = [Sealer(till.application.service) for _ in range(2)], threading.Event()
    with ThreadPoolExecutor(4) as pool:
        sealing_loops = [pool.submit(each.run, stopping) for each in sealers]
        writers = [pool.submit(post_each, till, 40) for _ in range(2)]
        posted = {journal_id for writer in writers for journal_id in writer.result(DEADLINE_SECONDS)}
        _until(lambda: not _waiting(till))
        stopping.set()
        for loop in sealing_loops:
            loop.result(DEADLINE_SECONDS)
    assert posted <= {str(seal.journal_id) for seal in chain(till)}


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_loop_is_woken_by_a_commit_and_finds_what_others_wrote(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    stopping = threading.Event()
    loop = threading.Thread(target=sealer(till).run, args=(stopping,))
    loop.start()
    try:
        post_each(till, 1)
        _until(lambda: not _waiting(till))
        monkeypatch.setattr(sealing, "LONGEST_WAIT", 1e6)
        order_id = new_order_id()
        till.settle(order_placed(order_id), inventory_reserved(order_id))
        _until(lambda: not _waiting(till))
    finally:
        stopping.set()
        sealer(till).wake()
        loop.join(DEADLINE_SECONDS)
    assert not loop.is_alive()


def test_what_should_not_wait_is_left_for_the_verifier(till: Till) -> None:
    posted = post_each(till, 1)
    sealed, nowhere = str(chain(till)[0].journal_id), str(uuid.uuid4())
    _execute(till, "INSERT INTO unsealed VALUES (:sealed), (:nowhere)", sealed=sealed, nowhere=nowhere)
    assert [till.seal(), till.seal()] == [1, 0]
    assert str(chain(till)[-1].journal_id) == posted[0]
    assert _waiting(till) == 2
    _execute(till, "DELETE FROM unsealed")


def test_a_broken_chain_is_not_continued_and_the_loop_waits_for_a_person(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(sealing, "LONGEST_WAIT", 0.01)
    _execute(till, "UPDATE ledger_head SET sequence = sequence + 1")
    post_each(till, 1)
    with pytest.raises(sa.exc.IntegrityError, match="does not continue"):
        till.seal()
    stopping, before = threading.Event(), len(chain(till))
    loop = threading.Thread(target=sealer(till).run, args=(stopping,))
    loop.start()
    _execute(till, "UPDATE ledger_head SET sequence = sequence - 1")
    _until(lambda: len(chain(till)) == before + 1)
    stopping.set()
    loop.join(DEADLINE_SECONDS)
    assert not loop.is_alive()


def _execute(till: Till, statement: str, **parameters: Any) -> None:
    with till.application.database.begin() as connection:
        connection.execute(sa.text(statement), parameters)
