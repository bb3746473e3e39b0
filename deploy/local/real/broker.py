"""One Apache Kafka on this machine: broker and KRaft controller in one process, small, and back soon after a kill."""

from __future__ import annotations

import base64
import contextlib
import subprocess
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path

from deploy.local.errors import StackError
from deploy.local.ports import LOCALHOST, Ports
from deploy.local.process import Launch
from deploy.local.real.distribution import find_kafka, kafka_version
from deploy.local.real.java import find_java
from deploy.local.site import inherited_environment

MAJOR = "4"
RESET = "atlas reset removes it with everything in it"
JVM = (
    *("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError"),
    *("-Djava.awt.headless=true", f"-Dlog4j2.configurationFile={Path(__file__).parent / 'log4j2.properties'}"),
)
SETTINGS: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    # the controller waits for the old session of a killed broker to end: 13 s with the defaults, 6 s with these
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": "16777216",
}


def data_folder(data: Path) -> Path:
    """Where it keeps its records and its settings, by major version."""
    return data / f"kafka-real-{MAJOR}"


def launch(folder: Path) -> Launch:
    """The server's command; SIGTERM is its orderly shutdown."""
    return Launch([*_java("kafka.Kafka"), str(folder / "server.properties")], inherited_environment())


def prepare(folder: Path, ports: Ports) -> None:
    """Format the data folder at the first start, and write the settings, whose ports may be others at each start."""
    if not folder.exists():
        _format(folder, ports)
    if not (folder / "log" / "meta.properties").is_file():
        raise StackError(f"the data folder {folder} is broken (no Kafka in it)", RESET)
    _write_settings(folder, ports)


def _format(folder: Path, ports: Ports) -> None:
    """Make the data folder beside its place and move it there, so that an interrupted start leaves nothing half-made."""
    with tempfile.TemporaryDirectory(prefix="kafka-", dir=folder.parent, ignore_cleanup_errors=True) as name:
        draft = Path(name)
        _write_settings(draft, ports)
        place = ("--cluster-id", _cluster_id(), "--config", str(draft / "server.properties"))
        command = [*_java("kafka.tools.StorageTool"), "format", *place]
        done = subprocess.run(command, capture_output=True, text=True, env=inherited_environment(), check=False)
        if done.returncode != 0:
            reason = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
            raise StackError(f"cannot make a Kafka in {folder.parent}: {reason}", "choose another folder with --home")
        draft.rename(folder)


def _write_settings(folder: Path, ports: Ports) -> None:
    """Write server.properties. The quorum is static, so that the ports are those of this start, not of the first."""
    own = {
        "listeners": f"PLAINTEXT://{LOCALHOST}:{ports.kafka},CONTROLLER://{LOCALHOST}:{ports.kafka_controller}",
        "controller.quorum.voters": f"1@{LOCALHOST}:{ports.kafka_controller}",
        "log.dirs": str(folder / "log"),
    }
    draft = folder / "server.properties.tmp"
    draft.write_text("".join(f"{name}={value}\n" for name, value in {**SETTINGS, **own}.items()))
    draft.replace(folder / "server.properties")


def _java(main: str) -> tuple[str, ...]:
    """The command that runs one of Kafka's programs; StackError without Java, or without a Kafka of this major version."""
    home = find_kafka()
    if (version := kafka_version(home)).partition(".")[0] != MAJOR:
        raise StackError(f"{home} is Kafka {version}, not {MAJOR}", f"set KAFKA_HOME to a Kafka {MAJOR}, or atlas fetch-real")
    return (str(find_java()), *JVM, "-cp", f"{home / 'libs'}/*", main)


def check() -> None:
    """StackError when it could not start here."""
    _java("kafka.Kafka")


def version() -> str:
    """The release that would start here; no number in a shell that does not know where it is."""
    with contextlib.suppress(StackError):
        return f"Apache Kafka {kafka_version(find_kafka())}"
    return "Apache Kafka"


def _cluster_id() -> str:
    """A random id as Kafka makes them; one that starts with a dash would be read as an option."""
    while (made := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return made
