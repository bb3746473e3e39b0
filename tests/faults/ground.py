"""The ground of the fault tests: a whole stack of their own, whose processes they stop, kill, double and fail at will."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import httpx2
import psycopg

from cli.client import RestClient
from cli.connection import StackAddresses
from cli.waiting import wait_until
from deploy.local import free_base
from deploy.local.launcher import running
from deploy.local.services import SERVICES
from deploy.local.state import ComponentState
from tests import pausing

PATIENCE_SECONDS = 150.0
BACK_SECONDS = 90.0
STOP_SECONDS = 30.0
OURS = (*(row.package for row in SERVICES), "gateway")
ENDED = "ended with exit code "
PORTS = {"ATLAS_GRPC_PORT": 0, "ATLAS_HTTP_PORT": 0, "ATLAS_ADMIN_PORT": 1}
UPSTREAMS = "ATLAS_UPSTREAMS"


@dataclass(frozen=True, slots=True)
class Ground:
    """A running stack. `switches` is the folder that arms failpoints in its processes."""

    home: Path
    addresses: StackAddresses
    client: RestClient
    switches: Path

    def row(self, name: str) -> ComponentState:
        """What the supervisor says of a process."""
        state = running(self.home)
        assert state is not None, "the stack of the fault tests ended"
        return state.components[name]

    @property
    def kafka(self) -> str:
        """The provider of the broker: embedded or apache."""
        name = self.row("kafka").provider
        return "embedded" if name == "embedded" else "apache"

    def pid(self, name: str) -> int:
        """The pid of a process that is up."""
        return wait_until(lambda: self.row(name).pid or 0, bool, what=f"{name} running", seconds=BACK_SECONDS)

    def send(self, name: str, number: signal.Signals) -> int:
        """Send a signal; the pid it went to."""
        pid = self.pid(name)
        os.kill(pid, number)
        return pid

    def restart(self, *names: str, by: signal.Signals = signal.SIGKILL) -> float:
        """End processes by a signal and wait until the supervisor has them ready again; the seconds that took."""
        before, began = {name: self.row(name).restarts for name in names}, time.monotonic()
        for name in names:
            self.send(name, by)
        self.until_back(before)
        return time.monotonic() - began

    def restarts(self) -> dict[str, int]:
        """How often each process was started again."""
        state = running(self.home)
        assert state is not None, "the stack of the fault tests ended"
        return {name: row.restarts for name, row in state.components.items()}

    def until_back(self, before: Mapping[str, int]) -> None:
        """Wait until each of these was started again more often than before, and is ready."""
        for name, restarts in before.items():
            is_back = partial(_is_back, restarts)
            wait_until(partial(self.row, name), is_back, what=f"{name} again", seconds=BACK_SECONDS)

    def stopped(self, *names: str) -> dict[str, int]:
        """Tell processes to stop; their exit codes. The supervisor starts them again."""
        codes: dict[str, int] = {}
        for name in names:
            self.send(name, signal.SIGTERM)

        def left() -> list[str]:
            ended = {name: self.row(name).health for name in names if name not in codes}
            codes.update({name: int(health.removeprefix(ENDED)) for name, health in ended.items() if health.startswith(ENDED)})
            return [name for name in names if name not in codes]

        wait_until(left, lambda names: not names, what=f"the end of {', '.join(names)}", seconds=STOP_SECONDS)
        return codes

    @contextlib.contextmanager
    def unsupervised(self) -> Iterator[None]:
        """Nobody starts again what ends while the block runs: the supervisor is stopped."""
        state = running(self.home)
        assert state is not None, "the stack of the fault tests ended"
        with pausing.paused(state.supervisor_pid):
            yield

    @contextlib.contextmanager
    def paused(self, name: str) -> Iterator[int]:
        """The process does nothing while the block runs: it keeps its connections and answers nobody. Gives its pid."""
        pid = self.pid(name)
        with pausing.paused(pid):
            yield pid

    @contextlib.contextmanager
    def doubled(self, *names: str, role: str = "") -> Iterator[dict[str, int]]:
        """A second process of each, in the same environment on other ports; gives those. A second gateway calls the seconds."""
        base = free_base()
        ports = {name: base + 2 * number for number, name in enumerate(names)}
        with contextlib.ExitStack() as stack:
            for name in names:
                stack.enter_context(self._second(name, ports, role))
            for name, port in ports.items():
                wait_until(partial(_is_ready, port + 1), bool, what=f"the second {name}", seconds=BACK_SECONDS)
            yield ports

    @contextlib.contextmanager
    def _second(self, name: str, ports: Mapping[str, int], role: str) -> Iterator[None]:
        command = _command(self.pid(name))
        environment = _environment(self.pid(name)) | _own(ports[name], ports, _environment(self.pid(name)))
        with (self.home / "logs" / f"{name}-second.log").open("ab") as log:
            process = subprocess.Popen(
                [*command[:-1], role] if role else command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            yield
        finally:
            process.terminate()
            assert process.wait(STOP_SECONDS) == 0, f"the second {name} ended with {process.returncode}"

    def through(self, port: int) -> RestClient:
        """A client of another gateway."""
        return RestClient(replace(self.addresses, base_url=f"http://127.0.0.1:{port}"), PATIENCE_SECONDS)

    def database(self, service: str) -> psycopg.Connection[tuple[object, ...]]:
        """A connection to a service's database, with the rights of the service."""
        return psycopg.connect(self.addresses.postgres[service], autocommit=True)

    @contextlib.contextmanager
    def armed(self, *places: tuple[str, str, str]) -> Iterator[None]:
        """Arm failpoints, each given as program, name and actions (one a line), while the block runs."""
        for program, name, actions in places:
            folder = self.switches / program
            folder.mkdir(exist_ok=True)
            (folder / f"{name}.hits").unlink(missing_ok=True)
            draft = folder / uuid.uuid4().hex
            draft.write_text(actions)
            draft.replace(folder / name)
        try:
            yield
        finally:
            for program, name, _actions in places:
                (self.switches / program / name).unlink(missing_ok=True)

    def hits(self, program: str, name: str) -> int:
        """How often a failpoint has fired since it was armed last."""
        path = self.switches / program / f"{name}.hits"
        return len(path.read_text().splitlines()) if path.exists() else 0


def is_gone(pid: int) -> bool:
    """Whether a process has ended, collected by its parent or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def _is_back(restarts: int, row: ComponentState) -> bool:
    return row.restarts > restarts and row.health == "ready"


def _environment(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return {name: value for name, equals, value in (pair.partition("=") for pair in pairs) if equals}


def _command(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode().rstrip("\0").split("\0")


def _own(port: int, ports: Mapping[str, int], environment: Mapping[str, str]) -> dict[str, str]:
    """What is different for a second process: its ports, and the services that a gateway calls."""
    own = {name: str(port + offset) for name, offset in PORTS.items() if name in environment}
    if UPSTREAMS in environment:
        seconds = {row.upstream: f"127.0.0.1:{ports[row.package]}" for row in SERVICES if row.package in ports}
        own[UPSTREAMS] = json.dumps(json.loads(environment[UPSTREAMS]) | seconds)
    return own


def _is_ready(admin_port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{admin_port}/readyz", timeout=2.0, trust_env=False).is_success
    except httpx2.TransportError:
        return False
