"""What a person on duty does after a fault: looks at the dead letters, replays or discards them."""

from __future__ import annotations

from cli.client import Json
from cli.waiting import wait_until
from deploy.local.services import SERVICES
from tests.faults.ground import Ground

SECONDS = 90.0
ALL = tuple(row.upstream for row in SERVICES)


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

    def decide(self, verb: str, reason: str, *services: str) -> int:
        """Replay or discard everything that waits in these services, in all when none is named; how many there were."""
        letters = [(name, letter) for name in services or ALL for letter in self.dead(name)]
        for name, letter in letters:
            path = f"/v1/ops/{name}/dlq/{letter['dead_letter_id']}/{verb}"
            self._ops.post(path, {"reason": reason, "comment": "of a fault test"})
        return len(letters)

    def rewind(self) -> None:
        """Let every consumer group start again at offset 0."""
        for row in SERVICES:
            self._ops.post(f"/v1/ops/{row.upstream}/rewind")
