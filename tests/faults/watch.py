"""What the services count while a fault lasts, added up over their restarts: redeliveries dropped, events parked."""

from __future__ import annotations

import re
import threading
from collections import Counter

import httpx2

from deploy.local.services import SERVICES
from tests.faults.ground import Ground

LOOK_SECONDS = 0.5
_HANDLED = re.compile(r'^atlas_inbox_handled_total\{result="([a-z]+)"\} ([0-9.e+]+)$', re.MULTILINE)


class Watch:
    """Reads the metrics of every service twice a second. What a killed process counted since the last look is lost."""

    def __init__(self, ground: Ground) -> None:
        self._ports = {row.package: int(ground.addresses.grpc[row.package].rpartition(":")[2]) + 1 for row in SERVICES}
        self._last: dict[str, Counter[str]] = {name: _read(port) or Counter() for name, port in self._ports.items()}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.counted: Counter[str] = Counter()
        """How many events were applied, duplicate, skipped, queued, parked, dead since the start."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Look once more, then no longer."""
        self._over.set()
        self._thread.join()
        self._look()

    def _run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        for name, port in self._ports.items():
            if (now := _read(port)) is None:
                continue
            before = self._last[name]
            is_new = any(now[result] < before[result] for result in before)
            self.counted += now if is_new else now - before
            self._last[name] = now


def _read(port: int) -> Counter[str] | None:
    try:
        text = httpx2.get(f"http://127.0.0.1:{port}/metrics", timeout=2.0, trust_env=False).text
    except httpx2.TransportError:
        return None
    return Counter({result: int(float(value)) for result, value in _HANDLED.findall(text)})
