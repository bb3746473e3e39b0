"""How long a fault lasts. The one place of the tests that waits for time itself: a fault of 30 s is 30 s long."""

from __future__ import annotations

import time


def last(seconds: float) -> None:
    """Let a fault last so long."""
    time.sleep(max(0.0, seconds))
