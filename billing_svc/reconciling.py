"""ReconcileLedger: the provider's lists against our payments and refunds, and those and the invoices against the ledger.

The provider is asked outside any transaction, and each page of his before what we have of it; what changes meanwhile counts as
under way. A call that nobody waits for any more ends with the page that is being read.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from atlas.billing.v1 import ledger_pb2
from billing_svc import booked
from billing_svc.amounts import written
from billing_svc.claims import OUR_PAYMENTS, OUR_REFUNDS, Ours
from billing_svc.domain.reconciliation import Claim, DifferenceKind, Kinds, difference
from billing_svc.provider_lists import Page, ProviderLists
from billing_svc.settings import Settings
from billing_svc.wire import enum_value
from chassis.clock import Clock
from chassis.errors import Unavailable

MAX_DIFFERENCES: Final = 100


@dataclass(slots=True)
class _Found:
    """The first differences."""

    differences: list[ledger_pb2.Difference] = field(default_factory=list)

    def compare(self, kinds: Kinds, resource_id: str, ours: Claim | None, theirs: Claim | None) -> None:
        """Note what two claims differ in, if they do."""
        kind = difference(kinds, ours, theirs)
        if kind is not None:
            self.add(kind, resource_id, _said(ours), _said(theirs))

    def add(self, kind: DifferenceKind, resource_id: str, ours: str, theirs: str) -> None:
        """Note a difference."""
        if len(self.differences) < MAX_DIFFERENCES:
            number = enum_value(ledger_pb2.DifferenceKind, "DIFFERENCE_KIND", kind)
            self.differences.append(ledger_pb2.Difference(kind=number, resource_id=resource_id, ours=ours, theirs=theirs))


class Reconciler:
    """Compares, one call at a time, on a thread of its own."""

    def __init__(self, database: sa.Engine, clock: Clock, settings: Settings) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._turn = asyncio.Lock()

    async def reconcile(self) -> ledger_pb2.ReconcileLedgerResponse:
        """Compare everything; Unavailable where the provider cannot be read."""
        abandoned = threading.Event()
        async with self._turn:
            try:
                return await asyncio.to_thread(self._reconcile, abandoned)
            finally:
                abandoned.set()

    def _reconcile(self, abandoned: threading.Event) -> ledger_pb2.ReconcileLedgerResponse:
        found, started = _Found(), self._clock.now()
        with self._lists() as lists:
            payments = self._with_provider(OUR_PAYMENTS, _until(abandoned, lists.payments()), started, found)
            refunds = self._with_provider(OUR_REFUNDS, _until(abandoned, lists.refunds()), started, found)
        invoices = self._with_ledger(found)
        return ledger_pb2.ReconcileLedgerResponse(
            reconciled=not found.differences,
            invoices_checked=invoices,
            payments_checked=payments,
            refunds_checked=refunds,
            differences=found.differences,
        )

    def _lists(self) -> ProviderLists:
        settings = self._settings
        return ProviderLists(
            settings.psp_url,
            key=settings.psp_key,
            timeout=settings.psp_timeout,
            connect_timeout=settings.psp_connect_timeout,
        )

    def _with_provider(self, ours: Ours, pages: Iterable[Page], started: datetime, found: _Found) -> int:
        """Compare both ways: each that he lists, then each of ours that moved money and is not on his list. Counts them."""
        checked, listed = 0, set[str]()
        for page in pages:
            with self._database.begin() as connection:
                known = ours.by_key(connection, page, started)
            for key, theirs in page.items():
                found.compare(ours.kinds, key, known.get(key), theirs)
            checked += len(page)
            listed.update(known)
        after = ""
        with self._database.begin() as connection:
            while chunk := ours.moved_after(connection, after, started):
                unlisted = [key for key in chunk if key not in listed]
                for key in unlisted:
                    found.compare(ours.kinds, key, chunk[key], None)
                checked, after = checked + len(unlisted), max(chunk)
        return checked

    def _with_ledger(self, found: _Found) -> int:
        moment = self._database.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with moment.begin() as connection:
            for each in booked.mismatches(connection):
                ours, theirs = _amounts(each.currency_code, each.ours), _amounts(each.currency_code, each.booked)
                found.add(each.kind, each.resource_id, ours, theirs)
            return booked.count_invoices(connection)


def _until(abandoned: threading.Event, pages: Iterable[Page]) -> Iterable[Page]:
    for page in pages:
        if abandoned.is_set():
            raise Unavailable("nobody waits for the comparison any more")
        yield page


def _said(claim: Claim | None) -> str:
    """Write what one side has of a payment or a refund; nothing where it has nothing."""
    if claim is None:
        return ""
    of = f" of {claim.of}" if claim.of else ""
    return claim.state + (f" {written(*claim.money)}" if claim.money else "") + of


def _amounts(currency_code: str, amounts: dict[str, int]) -> str:
    return ", ".join(f"{name} {written(currency_code, units)}" for name, units in amounts.items())
