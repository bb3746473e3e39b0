"""What the domain refuses to build."""

from __future__ import annotations


class UnbalancedJournal(ValueError):
    """Entries that are no journal: fewer than two, a zero among them, or debits that differ from credits."""
