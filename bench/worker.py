"""One service of the saga in a process of its own: its relay, its consumer, its timers, and what it is told to do."""

from __future__ import annotations

import importlib
import multiprocessing
import threading
from collections.abc import Callable
from typing import Any

from pydantic import SecretStr

from bench import orders
from bench.shared_broker import BrokerHost
from billing_svc.fake_provider import FakeProvider
from chassis import collector, telemetry
from chassis.application import Application
from chassis.clock import SandboxClock
from chassis.ids import IdSource

SERVICES = ("order_svc", "inventory_svc", "billing_svc", "workflow_svc")
_ORDERS: dict[str, Callable[..., None]] = {"stock": orders.stock, "place": orders.place}
_PROCESSES = multiprocessing.get_context("spawn")


class Worker:
    """Starts the process, tells it what to do, and ends it."""

    def __init__(self, package: str, url: str, host: BrokerHost) -> None:
        self._here, there = _PROCESSES.Pipe()
        place = (host.address, bytes(_PROCESSES.current_process().authkey))
        self._process = _PROCESSES.Process(target=_main, args=(package, url, place, there), daemon=True)
        self._process.start()

    def wait(self) -> None:
        """Wait until the process has done what it was told, or has started; what failed there is raised here."""
        if (failure := self._here.recv()) is not None:
            raise RuntimeError(failure)

    def do(self, name: str, *arguments: object) -> None:
        """Let the process do something; `wait` waits for it."""
        self._here.send((name, arguments))

    def close(self) -> None:
        """End the process."""
        self._here.send(None)
        self._process.join()


def _main(package: str, url: str, place: tuple[Any, bytes], there: Any) -> None:
    telemetry.configure_logging(package, "WARNING")
    host = BrokerHost(*place)
    host.connect()
    app = _build(package, url, host)
    stopping = threading.Event()
    loops = [threading.Thread(target=run, args=(stopping,)) for run in _loops(app)]
    for loop in loops:
        loop.start()
    collector.spare_start_up()
    there.send(None)
    while (told := there.recv()) is not None:
        name, arguments = told
        try:
            _ORDERS[name](app.service, *arguments)
            there.send(None)
        except Exception as error:
            there.send(repr(error))
    stopping.set()
    for loop in loops:
        loop.join()
    app.close()


def _loops(app: Application) -> list[Callable[[threading.Event], None]]:
    """All that a process with every role runs, but what serves."""
    return [app.relay.run, app.consumer.run, app.timers.run, *(loop.run for loop in app.loops.values())]


def _build(package: str, url: str, host: BrokerHost) -> Application:
    module = importlib.import_module(f"{package}.app")
    settings = importlib.import_module(f"{package}.settings").Settings(database_url=SecretStr(url))
    clock = SandboxClock()
    outside = (FakeProvider(clock),) if package == "billing_svc" else ()
    app: Application = module.build(settings, clock, host.broker(), IdSource(clock), *outside)
    return app
