"""docs/OPERATIONS.md: its commands that only look are run; the metrics, ports and exit codes it names are those there are."""

from __future__ import annotations

import re

import pytest
from prometheus_client.metrics import MetricWrapperBase

from chassis import metrics
from cli.exits import ExitCode
from deploy.local.ports import Ports
from deploy.local.services import SERVICES
from tests.docs import session
from tests.docs.pages import page
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

PAGE = page("docs/OPERATIONS.md")
_SUFFIXES = {"counter": "_total", "info": "_info"}
_METRIC = re.compile(r"(?:atlas|http|rpc|db|messaging)_[a-z_]+_(?:seconds|total|messages|events|info)")


def test_what_only_looks_can_be_run(stack: Stack) -> None:
    steps = session.run(PAGE, stack.home)
    assert all(step.output for step in steps)


def test_every_metric_is_listed_and_no_other() -> None:
    declared = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]
    exported = {f"{family.name}{_SUFFIXES.get(family.type, '')}" for metric in declared for family in metric.describe()}
    assert {name for span in PAGE.spans() for name in _METRIC.findall(span)} == exported


def test_the_ports_are_those_of_the_stack() -> None:
    ports = Ports(0)
    offsets = {ports.gateway, ports.gateway_admin, ports.postgres, ports.redis, ports.kafka, ports.issuer, ports.psp}
    offsets |= {row.offset for row in SERVICES} | {row.offset + 1 for row in SERVICES}
    cells = [cell for line in PAGE.prose.splitlines() if re.match(r"\| [0-9]", line) for cell in line.split("|")]
    shown = {int(number) for cell in cells if re.fullmatch(r"[0-9, ]+", cell) for number in re.findall(r"[0-9]+", cell)}
    assert shown == offsets


def test_the_exit_codes_are_those_of_the_command() -> None:
    sentence = next(line for line in PAGE.prose.splitlines() if line.startswith("The same for every command:"))
    assert [int(number) for number in re.findall(r"[0-9]", sentence)] == [int(code) for code in ExitCode]
