"""What a person on duty does after a fault: looks at the dead letters, replays or discards them."""

from __future__ import annotations

from collections.abc import Iterator

from cli.client import Json
from cli.waiting import wait_until
from deploy.local.services import SERVICES
from tests.faults.ground import Ground

SECONDS = 90.0


class Operator:
    """Works the dead letters of every service through /v1/ops."""

    def __init__(self, ground: Ground) -> None:
        self._ops = ground.client.as_user("ops")

    def dead(self, service: str) -> list[Json]:
        """The dead letters of one service that nobody has decided on."""
        letters = self._ops.client.as_user("ops").pages(f"/v1/ops/{service}/dlq", "dead_letters")
        return [letter for letter in letters if letter["state"] == "DEAD"]

    def until_dead(self, service: str, count: int) -> None:
        """Wait until so many wait for a person."""
        wait_until(lambda: len(self.dead(service)), lambda dead: dead >= count, what=f"{count} dead letters", seconds=SECONDS)

    def decide(self, verb: str, reason: str) -> int:
        """Replay or discard everything that waits, in all services; how many there were."""
        return sum(1 for _ in self._decide(verb, reason))

    def _decide(self, verb: str, reason: str) -> Iterator[str]:
        for row in SERVICES:
            for letter in self.dead(row.upstream):
                path = f"/v1/ops/{row.upstream}/dlq/{letter['dead_letter_id']}/{verb}"
                self._ops.post(path, {"reason": reason, "comment": "of a fault test"})
                yield path

    def rewind(self) -> None:
        """Let every consumer group start again at offset 0."""
        for row in SERVICES:
            self._ops.post(f"/v1/ops/{row.upstream}/rewind")
