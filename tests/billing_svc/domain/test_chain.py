"""The chain: each hash covers the one before and the journal, places are contiguous."""

from __future__ import annotations

import hashlib

from billing_svc.domain.chain import FIRST_HASH, LEDGER, LedgerHead, extend

NOTHING = LedgerHead(LEDGER, 0, FIRST_HASH)


def test_the_first_seal_continues_zeros() -> None:
    head, (seal,) = extend(NOTHING, [("a", b"form")])
    assert (seal.sequence, seal.journal_id, seal.previous_hash) == (1, "a", bytes(32))
    assert seal.hash == hashlib.sha256(bytes(32) + b"form").digest()
    assert head == LedgerHead(LEDGER, 1, seal.hash)


def test_sealing_together_is_sealing_one_after_the_other() -> None:
    journals = [(str(number), bytes([number])) for number in range(5)]
    together, seals = extend(NOTHING, journals)
    head, alone = NOTHING, []
    for journal in journals:
        head, (seal,) = extend(head, [journal])
        alone.append(seal)
    assert (head, tuple(alone)) == (together, seals)
    assert [seal.sequence for seal in seals] == [1, 2, 3, 4, 5]
    assert [seal.previous_hash for seal in seals[1:]] == [seal.hash for seal in seals[:-1]]


def test_the_order_is_in_the_hash() -> None:
    one, _ = extend(NOTHING, [("a", b"1"), ("b", b"2")])
    other, _ = extend(NOTHING, [("b", b"2"), ("a", b"1")])
    assert one.hash != other.hash


def test_nothing_to_seal_changes_nothing() -> None:
    assert extend(NOTHING, []) == (NOTHING, ())
