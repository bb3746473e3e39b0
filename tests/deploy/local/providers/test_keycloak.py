"""How Keycloak is started: from a distribution that is only read, on a folder keyed by release and realm file.

What it answers once it runs is in tests/oidc.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from deploy.local.component import Component
from deploy.local.errors import StackError
from deploy.local.home import Home
from deploy.local.ports import Ports
from deploy.local.process import Launch
from deploy.local.providers import keycloak
from deploy.local.providers.issuer import REALM_FILE
from deploy.local.site import Site

BASE = 20_000


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of a Keycloak that are looked at without running it."""
    folder = tmp_path / "distribution"
    for name in ("bin/kc.sh", "conf/keycloak.conf", "lib/app/a.jar", "lib/lib/b.jar", "lib/quarkus/built.dat", "themes/t"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / keycloak.RUNNER).write_text("runner")
    (folder / "version.txt").write_text("Keycloak - Version 26.7.3\n")
    monkeypatch.setenv("KEYCLOAK_HOME", str(folder))
    return folder


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A stack's place, whose issuer is real."""
    home = Home(tmp_path / "home")
    home.make()
    return Site(home, Ports(BASE), {}, external={}, providers={"issuer": "real"})


@pytest.fixture
def launch(site: Site, distribution: Path) -> Launch:
    """How the server is started there."""
    component = keycloak.keycloak(site)
    assert component.launch is not None
    return component.launch()


def test_server_listens_on_the_ports_of_the_plan_and_on_this_machine_only(site: Site, launch: Launch) -> None:
    options = dict(word.split("=", 1) for word in launch.argv if word.startswith("--") and "=" in word)
    assert (options["--http-host"], options["--hostname"]) == ("127.0.0.1", f"http://127.0.0.1:{site.ports.issuer}")
    assert options["--http-port"] == str(site.ports.issuer)
    assert options["--http-management-port"] == str(site.ports.issuer_management)
    assert options["--cache"] == "local"
    assert keycloak.keycloak(site).claims == (site.ports.issuer_management,)


def test_first_administrator_has_a_password_of_this_home_that_no_process_list_shows(site: Site, launch: Launch) -> None:
    password = launch.env["KC_BOOTSTRAP_ADMIN_PASSWORD"]
    assert password == site.home.passwords(())[keycloak.ADMIN]
    assert len(password) >= 32
    assert all(password not in word for word in launch.argv)


def test_settings_of_the_caller_do_not_reach_the_server(
    site: Site, distribution: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KC_HOSTNAME", "elsewhere.example")
    monkeypatch.setenv("KC_DB", "postgres")
    component = keycloak.keycloak(site)
    assert component.launch is not None
    assert {"KC_HOSTNAME", "KC_DB", "KEYCLOAK_HOME"}.isdisjoint(component.launch().env)


def test_folder_is_another_one_for_another_realm_file(
    site: Site, distribution: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keycloak.keycloak(site).data_dir
    changed = tmp_path / "changed.json"
    changed.write_text(REALM_FILE.read_text() + " ")
    monkeypatch.setattr(keycloak, "REALM_FILE", changed)
    after = keycloak.keycloak(site).data_dir
    assert before is not None
    assert after is not None
    assert before != after
    assert before.name.startswith("keycloak-26.7.3-")


def test_folder_of_the_home_links_what_is_read_and_copies_what_a_build_replaces(distribution: Path, tmp_path: Path) -> None:
    draft = tmp_path / "draft"
    draft.mkdir()
    keycloak._link(draft, distribution)
    assert (draft / "lib" / "lib").resolve() == distribution / "lib" / "lib"
    assert not (draft / keycloak.RUNNER).is_symlink()
    (draft / keycloak.BUILT / "built.dat").write_text("new")
    assert (distribution / keycloak.BUILT / "built.dat").read_text() == ""


async def test_database_of_a_start_that_was_cut_short_is_dropped_and_a_whole_one_stays(site: Site, distribution: Path) -> None:
    component = keycloak.keycloak(site)
    folder = component.data_dir
    assert folder is not None
    folder.mkdir()
    keycloak._link(folder, distribution)
    (folder / keycloak.BUILT_FROM).write_text(str(distribution))
    database = folder / "data" / "h2" / "keycloakdb.mv.db"
    for whole in (False, True):
        database.parent.mkdir(parents=True, exist_ok=True)
        database.touch()
        if whole:
            (folder / keycloak.IMPORTED).touch()
        await component.prepare()
        assert database.exists() is whole
        assert (folder / "data" / "import" / REALM_FILE.name).read_bytes() == REALM_FILE.read_bytes()


async def _prepared(component: Component) -> None:
    await component.prepare()


def test_build_that_fails_says_why_and_leaves_nothing(
    site: Site, distribution: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keycloak, "find_java", lambda: Path("/bin/false"))
    with pytest.raises(StackError, match="Keycloak cannot be built") as refusal:
        asyncio.run(_prepared(keycloak.keycloak(site)))
    assert "keycloak-build.log" in refusal.value.remedy
    assert list(site.home.data.iterdir()) == []


def test_without_a_keycloak_the_start_is_refused_before_anything_runs(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYCLOAK_HOME", str(tmp_path / "absent"))
    component = keycloak.keycloak(site)
    assert component.launch is not None
    with pytest.raises(StackError, match="no unpacked Keycloak"):
        component.launch()
    with pytest.raises(StackError, match="no unpacked Keycloak"):
        keycloak.check()
