"""UUIDv7 from an injected clock and an injected source of randomness, strictly increasing within one source."""

from __future__ import annotations

import random
import secrets
import threading

from chassis.clock import Clock

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62


class IdSource:
    """Makes UUIDv7 (RFC 9562): 48 bits of milliseconds, then a 74-bit number that counts up within a millisecond.

    The library's generator reads the system clock; ours must follow the sandbox clock and be seeded in tests.
    """

    def __init__(self, clock: Clock, randomness: random.Random | None = None) -> None:
        self._clock = clock
        self._random = randomness or random.Random(secrets.randbits(128))  # noqa: S311 - an id is no secret
        self._lock = threading.Lock()
        self._milliseconds = 0
        self._tail = 0

    def new(self) -> str:
        """Return the next id in its canonical text form."""
        now = int(self._clock.now().timestamp() * 1000)
        with self._lock:
            if now > self._milliseconds:
                self._milliseconds = now
                self._tail = self._random.getrandbits(73)
            else:
                self._tail += 1 + self._random.getrandbits(32)
            high, low = self._tail >> 62, self._tail & (2**62 - 1)
            return _text((self._milliseconds << 80) | _VERSION_7 | (high & 0xFFF) << 64 | _VARIANT | low)


def _text(number: int) -> str:
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
