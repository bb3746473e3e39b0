"""Where each part comes from: what was chosen, else what the environment names, else embedded; clients follow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.local.home import Home
from deploy.local.ports import Ports
from deploy.local.services import SERVICES, service
from deploy.local.site import PARTS, Site, external_servers


def _site(home: Path, external: Mapping[str, str], providers: Mapping[str, str]) -> Site:
    return Site(Home(home), Ports(9000), defaultdict(lambda: "secret"), external, providers=providers)


@pytest.mark.parametrize(
    ("external", "providers", "provider", "profile"),
    [
        ({}, {}, "embedded", "embedded"),
        ({}, {"kafka": "real"}, "real", "apache"),
        ({"ATLAS_KAFKA_BOOTSTRAP": "127.0.0.1:9092"}, {}, "external", "apache"),
    ],
)
def test_the_client_profile_follows_the_provider(
    tmp_path: Path, external: Mapping[str, str], providers: Mapping[str, str], provider: str, profile: str
) -> None:
    site = _site(tmp_path, external, providers)
    assert site.provider("kafka") == provider
    launch = service(site, SERVICES[0]).launch
    assert launch is not None
    assert launch().env["ATLAS_KAFKA_PROVIDER"] == profile


def test_a_chosen_part_is_not_external_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in PARTS.values():
        monkeypatch.setenv(variable, "somewhere")
    assert external_servers(("kafka",)) == {name: "somewhere" for part, name in PARTS.items() if part != "kafka"}
