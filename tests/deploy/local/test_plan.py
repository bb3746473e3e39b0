"""The plan is the components asked for, the jobs they call for, and nothing that waits for what is not there."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from deploy.local.component import Component
from deploy.local.home import Home
from deploy.local.plan import NAMES, make_plan
from deploy.local.ports import HIGHEST_OFFSET, Ports
from deploy.local.services import SERVICES
from deploy.local.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(Home(tmp_path), Ports(9000), defaultdict(lambda: "secret"), external={})


def test_everything_waits_only_for_what_is_in_the_plan_and_comes_before_it(site: Site) -> None:
    for only in ((), ("postgres", "order_svc"), ("gateway",)):
        seen: set[str] = set()
        for step in make_plan(site, only):
            assert set(step.after) <= seen
            seen.add(step.name)


def test_the_whole_plan_has_every_component_on_its_own_port(site: Site) -> None:
    components = [step for step in make_plan(site) if isinstance(step, Component)]
    assert sorted(component.name for component in components) == sorted(NAMES)
    ports = [port for component in components for port in (component.port, *component.claims)]
    assert len(set(ports)) == len(ports)
    assert all(port is not None and 9000 <= port <= 9000 + HIGHEST_OFFSET for port in ports)


def test_a_service_gets_its_own_database_as_app_and_never_the_migrators_password(site: Site) -> None:
    launches = {step.name: step.launch() for step in make_plan(site) if isinstance(step, Component) and step.launch}
    for row in SERVICES:
        env = launches[row.package].env
        assert f"{row.package}_app:" in env["ATLAS_DATABASE_URL"]
        assert env["ATLAS_DATABASE_URL"].endswith(f"/{row.package}")
        assert not any("_migrator:" in value for value in env.values())


def test_the_payment_provider_tells_the_gateway_and_signs_with_what_only_billing_knows(site: Site) -> None:
    launches = {step.name: step.launch() for step in make_plan(site) if isinstance(step, Component) and step.launch}
    argv = list(launches["psp"].argv)
    assert argv[argv.index("--webhook-url") + 1] == "http://127.0.0.1:9000/v1/webhooks/payments/sandbox"
    secrets = {name: launch.env.get("ATLAS_PSP_WEBHOOK_SECRETS") for name, launch in launches.items()}
    assert secrets["psp"] == secrets["billing_svc"] == "whsec_c2FuZGJveC13ZWJob29rLWtleS0x"
    assert {name for name, secret in secrets.items() if secret} == {"psp", "billing_svc"}


def test_the_embedded_broker_reads_nothing_from_the_environment_and_has_a_new_cluster_id_each_start(site: Site) -> None:
    (kafka,) = (step for step in make_plan(site, ["kafka"]) if isinstance(step, Component))
    assert kafka.launch is not None
    first, second = kafka.launch(), kafka.launch()
    assert set(first.env) == {"RUST_LOG"}
    assert first.argv != second.argv
    assert "tcp://127.0.0.1:9062" in first.argv
