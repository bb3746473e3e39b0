"""The sealer: appends what was posted to the hash chain, and to the kept balances, after the fact and beside the writers.

Journals wait in `unsealed`, where a trigger puts them, whoever writes. One transaction takes up to `BATCH` of them by id,
appends their seals, adds to the balances, moves the head and says so (LedgerHeadSealed). The head's row is locked meanwhile,
so any number of sealers may run.
"""

from __future__ import annotations

import threading

import sqlalchemy as sa
import structlog

from billing_svc import balances, canonical, tables
from billing_svc.domain import chain
from billing_svc.domain.chain import LEDGER, LedgerHead
from billing_svc.domain.events import LedgerHeadSealed
from chassis import failpoints, metrics, telemetry
from chassis.database import insert_rows, is_infrastructure
from chassis.envelope import Cause
from chassis.handling import Service, Unit, in_transaction
from chassis.world import SYSTEM, Decision, keys

log = structlog.get_logger(__name__)

BATCH = 1_000
PAUSE_SECONDS = 0.1  # between rounds that were not full: a round for each commit would cost more than what it seals
LONGEST_WAIT = 1.0

_WAITS = sa.text("SELECT EXISTS (SELECT FROM unsealed)")
# what is sealed already, or is no journal, is left where it is: somebody has put it there, and VerifyLedger names it
_TAKE = sa.text(
    f"""
WITH taken AS (
    DELETE FROM unsealed WHERE journal_id IN (
        SELECT journal_id FROM unsealed JOIN journal USING (journal_id)
        WHERE NOT EXISTS (SELECT FROM seal WHERE seal.journal_id = unsealed.journal_id)
        ORDER BY journal_id LIMIT :batch)
    RETURNING journal_id
)
SELECT journal_id::text, {canonical.JOURNAL} || coalesce((SELECT {canonical.ENTRIES} FROM entry
    WHERE entry.journal_id = journal.journal_id), '') AS form
FROM taken JOIN journal USING (journal_id) ORDER BY journal_id
"""  # noqa: S608 - made of constants
)


class Sealer:
    """Seals the ledger of one database. Journals of other processes are found within `LONGEST_WAIT` seconds."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._wake = threading.Event()

    def wake(self) -> None:
        """Say that something may have been posted."""
        self._wake.set()

    def run(self, stopping: threading.Event) -> None:
        """Seal until told to stop. The database being away is waited for; so is a person, where the chain is broken."""
        while not stopping.is_set():
            sealed = 0
            try:
                sealed = self.step()
            except sa.exc.IntegrityError as error:
                log.error("chain_is_broken", remedy="POST /v1/ledger/verify names what differs", exc_info=error)
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                log.warning("sealer_waits", error_class=type(error).__name__)
            if sealed < BATCH:
                stopping.wait(PAUSE_SECONDS)
                self._wake.wait(LONGEST_WAIT)
                self._wake.clear()

    def step(self) -> int:
        """Seal what waits, as far as one round goes. Returns how many journals."""
        with metrics.DB_DURATION.labels("sealer").time():
            sealed = in_transaction(self._service, self._seal)
        if sealed:
            self._service.on_commit()
        return sealed

    def _seal(self, connection: sa.Connection) -> int:
        if not connection.execute(_WAITS).scalar_one():
            return 0
        canonical.use_utf8(connection)
        unit = Unit(self._service, connection, keys(LedgerHead, [LEDGER]))
        forms = [(row.journal_id, bytes(row.form)) for row in connection.execute(_TAKE, {"batch": BATCH})]
        if not forms:
            return 0
        (head,) = unit.world.all(LedgerHead)
        new, seals = chain.extend(head, forms)
        names = tables.seal.c.keys()
        insert_rows(connection, tables.seal, [{name: getattr(seal, name) for name in names} for seal in seals])
        balances.add(connection, head.sequence + 1, new.sequence)
        cause = self._cause()
        event = LedgerHeadSealed(new.ledger, new.sequence, new.hash.hex())
        unit.accept(Decision(changed=(new,), events=(event,)), unit.context(cause), cause)
        unit.save()
        failpoints.hit("sealer.before_commit")
        return len(forms)

    def _cause(self) -> Cause:
        """Nobody asked for a seal: each round begins a correlation of its own."""
        number = self._service.ids.new()
        return Cause(number, number, telemetry.new_traceparent(), SYSTEM)
