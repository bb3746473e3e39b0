"""The data folder of a real Kafka: refused when it is broken, and its settings are those of this start."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.errors import StackError
from deploy.local.ports import Ports
from deploy.local.real.broker import prepare


def test_a_folder_without_a_kafka_in_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="is broken") as refusal:
        prepare(tmp_path, Ports(9000))
    assert "atlas reset" in refusal.value.remedy


def test_each_start_writes_its_own_ports_and_the_loopback_address_only(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "meta.properties").touch()
    for base in (9000, 10000):
        prepare(tmp_path, Ports(base))
        settings = dict(line.split("=", 1) for line in (tmp_path / "server.properties").read_text().splitlines())
        assert settings["listeners"] == f"PLAINTEXT://127.0.0.1:{base + 62},CONTROLLER://127.0.0.1:{base + 65}"
        assert settings["controller.quorum.voters"] == f"1@127.0.0.1:{base + 65}"
    assert settings["auto.create.topics.enable"] == "false"
