"""Python's cyclic garbage collector, set for a process that makes many short-lived objects beside a large, constant heap."""

from __future__ import annotations

import gc

YOUNG, MIDDLE, OLD = 20_000, 20, 100


def spare_start_up() -> None:
    """Leave everything made so far out of collections, and collect less often.

    Descriptors, models and statements live as long as the process. With the defaults they were scanned so often that a
    quarter of a saga's CPU went into it (ADR 0013).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
