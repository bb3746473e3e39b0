"""Runs the roles of a service in one process: serve, relay, consume, timers, or all of them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
import structlog
import uvloop
from pydantic import SecretStr

from atlas.ops.v1 import ops_service_pb2, ops_service_pb2_grpc
from chassis import collector, dead_letters, idempotency, inbox, metrics, migrate, outbox, parking, relay, telemetry
from chassis.application import Application, Blueprint, Edge
from chassis.auth import TokenVerifier
from chassis.broker import BrokerAway
from chassis.clock import SandboxClock
from chassis.database import is_infrastructure
from chassis.grpc_server import GrpcServer, Servicer
from chassis.health import AdminServer, Readiness
from chassis.ids import IdSource
from chassis.jwks import JwksSource
from chassis.kafka import KafkaBroker
from chassis.ops import OpsServicer
from chassis.settings import Settings
from chassis.tables import sandbox_clock

log = structlog.get_logger(__name__)

ROLES = ("serve", "relay", "consume", "timers")
USAGE = f"usage: python -m SERVICE [{'|'.join((*ROLES, 'all', 'migrate'))}]"
EXIT_USAGE, EXIT_CONFIGURATION = 2, 78
DEFAULT_SECRETS = ("sandbox-key", "whsec_c2FuZGJveC13ZWJob29rLWtleS0x")
TOPIC_TRIES, TOPIC_PAUSE_SECONDS = 20, 0.5
STOP_SECONDS = 20.0
HOUSEKEEPING_SECONDS = 5.0
FORGET_SECONDS = 3600.0


def main(blueprint: Blueprint, settings: Settings, arguments: Sequence[str]) -> int:
    """Run the role that the command line names; return the exit code."""
    role = arguments[0] if arguments else "all"
    if role not in (*ROLES, "all", "migrate") or len(arguments) > 1:
        print(USAGE, file=sys.stderr)
        return EXIT_USAGE
    telemetry.configure_logging(blueprint.identity, settings.log_level)
    telemetry.configure_tracing(blueprint.identity)
    if role == "migrate":
        migrate.upgrade(blueprint.package, settings.migrator_url.get_secret_value())
        return 0
    if problem := refuse(settings):
        log.error("refuses_to_start", problem=problem)
        return EXIT_CONFIGURATION
    roles = ROLES if role == "all" else (role,)
    return uvloop.run(Process(blueprint, settings, roles).run())


def refuse(settings: Settings) -> str:
    """Say why these settings may not run, or nothing: production takes no default secret and no plain-HTTP issuer."""
    if settings.is_dev:
        return ""
    if settings.page_token_secret.get_secret_value().startswith("dev-"):
        return "ATLAS_PAGE_TOKEN_SECRET is the development default; set a secret of your own"
    if settings.oidc_issuer.startswith("http://"):
        return "ATLAS_OIDC_ISSUER must be https outside the dev profile"
    if os.environ.get("ATLAS_FAILPOINTS"):
        return "ATLAS_FAILPOINTS arms failures for tests; unset it"
    if _is_default_secret(getattr(settings, "psp_key", "")):
        return "ATLAS_PSP_KEY is the development default; set the key the payment provider gave you"
    if _is_default_secret(getattr(settings, "psp_webhook_secrets", "")):
        return "ATLAS_PSP_WEBHOOK_SECRETS is the development default; set the secret the payment provider signs with"
    return ""


def _is_default_secret(value: str | SecretStr) -> bool:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    return any(secret.strip() in DEFAULT_SECRETS for secret in text.split(","))


class Process:
    """One process with some roles. It ends when told to, or when one of its loops breaks."""

    def __init__(self, blueprint: Blueprint, settings: Settings, roles: Sequence[str]) -> None:
        self._roles = roles
        self._settings = settings
        self._clock = SandboxClock()
        self._app = Application(
            blueprint,
            settings,
            clock=self._clock,
            broker=KafkaBroker(settings.kafka_bootstrap, settings.kafka_provider),
            ids=IdSource(self._clock),
        )
        self._stopping = threading.Event()
        self._done = asyncio.Event()
        self._threads: list[threading.Thread] = []
        self._broken = False
        self._started = False
        self._readiness = Readiness()
        self._readiness.add("started", lambda: self._started)
        self._admin = AdminServer(self._readiness, settings.admin_port)

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT. Returns 0, or 1 where a loop broke."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._done.set)
        self._admin.start()
        if not await loop.run_in_executor(None, self._database_is_ready):
            return 0 if self._done.is_set() else 1
        if not await loop.run_in_executor(None, self._topics_are_there):
            return 1
        self._start_loops(loop)
        jwks = JwksSource(self._settings.oidc_issuer)
        edge = self._app.edge()
        edge.commands.start()
        server = await self._serve(edge, jwks) if "serve" in self._roles else None
        collector.spare_start_up()
        self._started = True
        log.info("started", roles=",".join(self._roles))
        await self._done.wait()
        self._readiness.set_stopping()
        if server is not None:
            await server.stop()
        await edge.commands.drain()
        edge.queries.close()
        await jwks.aclose()
        await loop.run_in_executor(None, self._stop_loops)
        self._app.close()
        self._admin.close()
        log.info("stopped")
        return 1 if self._broken else 0

    async def _serve(self, edge: Edge, jwks: JwksSource) -> GrpcServer | None:
        """Serve as soon as tokens can be judged; None where the process was told to end before."""
        self._readiness.add("jwks", jwks.ready)
        if not await self._unless_done(jwks.warm()):
            return None
        verifier = TokenVerifier(issuer=self._settings.oidc_issuer, audience=self._app.blueprint.identity, jwks=jwks)
        ops = Servicer(
            ops_service_pb2.DESCRIPTOR.services_by_name["OpsService"],
            OpsServicer(self._app, edge, self._clock),
            ops_service_pb2_grpc.add_OpsServiceServicer_to_server,
        )
        servicers = [*self._app.blueprint.servicers(edge), ops]
        server = GrpcServer(servicers, verifier, port=self._settings.grpc_port, reflect=self._settings.is_dev)
        await server.start()
        return server

    async def _unless_done(self, work: Coroutine[Any, Any, None]) -> bool:
        """Wait for work, and give it up when told to end. Returns whether it was finished."""
        tasks = asyncio.create_task(work), asyncio.create_task(self._done.wait())
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finished = tasks[0].done()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return finished

    def _database_is_ready(self) -> bool:
        """Wait for the database; refuse one that is behind or ahead of this build. Then take over the sandbox clock."""
        while not self._done.is_set():
            try:
                if not migrate.is_at_head(self._app.blueprint.package, self._app.database):
                    log.error("refuses_to_start", problem="the database is not at this build's revision; run migrate")
                    return False
                self._follow_clock()
                break
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                log.warning("waits_for_database", error_class=type(error).__name__)
                self._stopping.wait(0.5)
        self._readiness.add("database", self._database_answers)
        return not self._done.is_set()

    def _topics_are_there(self) -> bool:
        """Refuse a broker whose topics are not as deploy makes them. One that is away is waited for by the loops."""
        problem = ""
        for _ in range(TOPIC_TRIES):
            try:
                problem = self._topics_differ()
            except BrokerAway:
                return True
            if not problem or self._stopping.wait(TOPIC_PAUSE_SECONDS):
                return True
        log.error("refuses_to_start", problem=f"{problem}; deploy makes the topics")
        return False

    def _topics_differ(self) -> str:
        """Say which topics are missing or have a number of partitions that puts keys elsewhere; nothing if all is well."""
        consumed = self._app.consumer.topics
        published = {t.topic for t in self._app.service.catalog.types if t.producer == self._app.service.name}
        domain = sorted(published | set(consumed))
        counts = self._app.broker.partitions([*domain, *map(dead_letters.topic_of, consumed)])
        if missing := [topic for topic, count in counts.items() if not count]:
            return f"the broker has no topic {', '.join(missing)}"
        wanted = self._settings.kafka_partitions
        other = [f"{topic} ({counts[topic]})" for topic in domain if counts[topic] != wanted]
        return f"these topics do not have {wanted} partitions: {', '.join(other)}" if other else ""

    def _database_answers(self) -> bool:
        with self._app.database.connect() as connection:
            return connection.execute(sa.select(1)).scalar() == 1

    def _follow_clock(self) -> None:
        if self._settings.is_dev:
            with self._app.database.connect() as connection:
                seconds = connection.execute(sa.select(sandbox_clock.c.offset_seconds)).scalar()
            self._clock.move_to(timedelta(seconds=seconds or 0))

    def _start_loops(self, loop: asyncio.AbstractEventLoop) -> None:
        loops: dict[str, Callable[[threading.Event], None]] = {
            "relay": self._app.relay.run,
            "consume": self._app.consumer.run,
            "timers": self._app.timers.run,
        }
        if "consume" in self._roles:
            self._readiness.add("consumer", self._app.consumer.is_ready)
        wanted = [(name, run) for name, run in loops.items() if name in self._roles]
        if "relay" in self._roles:
            wanted += [(name, each.run) for name, each in self._app.loops.items()]
        for name, run in [*wanted, ("housekeeping", self._keep_house)]:
            thread = threading.Thread(target=self._guard, args=(name, run, loop), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def _guard(self, name: str, run: Callable[[threading.Event], None], loop: asyncio.AbstractEventLoop) -> None:
        """Run a loop; if it breaks, the process ends and its supervisor starts a new one."""
        try:
            run(self._stopping)
        except BaseException as error:
            log.error("loop_broke", loop=name, exc_info=error)
            self._broken = True
            loop.call_soon_threadsafe(self._done.set)

    def _stop_loops(self) -> None:
        self._stopping.set()
        self._app.relay.stop()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if alive := [thread.name for thread in self._threads if thread.is_alive()]:
            log.error("loops_did_not_stop", loops=alive)
            os._exit(1)

    def _keep_house(self, stopping: threading.Event) -> None:
        """Measure what waits, follow the sandbox clock, and forget what is past its retention."""
        next_forget = time.monotonic() + FORGET_SECONDS
        while not stopping.wait(HOUSEKEEPING_SECONDS):
            try:
                self._follow_clock()
                self._measure()
                if time.monotonic() >= next_forget:
                    next_forget = time.monotonic() + FORGET_SECONDS
                    self._forget()
            except Exception as error:
                if not is_infrastructure(error):
                    raise

    def _measure(self) -> None:
        with self._app.database.connect() as connection:
            relay.measure(connection, self._clock.now())
            counts = parking.measure(connection, self._app.service.name)
        for state in (parking.PARKED, parking.QUEUED, parking.DEAD):
            metrics.PARKED_EVENTS.labels(state).set(counts.get(state, 0))

    def _forget(self) -> None:
        for forget in (outbox.forget_old, inbox.forget_old, idempotency.forget_old):
            with self._app.database.begin() as connection:
                forget(connection)
