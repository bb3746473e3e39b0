"""The hash chain over the ledger: each seal covers its journal and the seal before, so nothing can be changed unseen.

    hash(n) = SHA-256(hash(n - 1) || the journal in its canonical form)

The first one continues 32 zero bytes. Sequences are contiguous from 1. The canonical form is specified in canonical.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

LEDGER: Final = "ledger"
"""The name of the only chain; also the key of its stream of events."""
FIRST_HASH: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """How far the chain reaches: the place of its last seal, 0 before the first, and that one's hash of 32 bytes."""

    ledger: str
    sequence: int
    hash: bytes

    @property
    def key(self) -> str:
        """The name of the chain."""
        return self.ledger


@dataclass(frozen=True, slots=True)
class Seal:
    """A journal's place in the chain; both hashes are of 32 bytes."""

    sequence: int
    journal_id: str
    previous_hash: bytes
    hash: bytes


def extend(head: LedgerHead, journals: Iterable[tuple[str, bytes]]) -> tuple[LedgerHead, tuple[Seal, ...]]:
    """Seal journals, given as ids with their canonical forms, in this order. Returns the new head and the seals."""
    sequence, previous, seals = head.sequence, head.hash, []
    for journal_id, form in journals:
        sequence += 1
        seals.append(Seal(sequence, journal_id, previous, hashlib.sha256(previous + form).digest()))
        previous = seals[-1].hash
    return LedgerHead(head.ledger, sequence, previous), tuple(seals)
