"""OIDC by a real Keycloak that imports the realm file the dev issuer reads.

What it writes (its build, its database) lies in the home, in a folder keyed by release and realm file, because an existing
realm is never imported again. The distribution is linked and only read. Java is started without kc.sh, a shell with a Java
child that a kill of the shell would leave behind.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from pathlib import Path

from deploy.local import probes
from deploy.local.component import Component, Probe
from deploy.local.errors import StackError
from deploy.local.ports import LOCALHOST
from deploy.local.process import Launch, spawn
from deploy.local.providers.issuer import REALM_FILE
from deploy.local.real.distribution import find_keycloak
from deploy.local.real.java import find_java
from deploy.local.site import ROOT, Site, inherited_environment

ADMIN = "keycloak_admin"
"""The first administrator of the realm master, and the name of his password in the home."""
FIRST_START_SECONDS = 180.0
RUNNER = Path("lib", "quarkus-run.jar")
BUILT = Path("lib", "quarkus")
LINKED = ("conf", "lib/app", "lib/lib", "themes", "version.txt")
BUILT_FROM = "built-from"
IMPORTED = "realm-imported"
# Serial collector and first compiler only: half the CPU of a start, a third of the memory of kc.sh's defaults.
HEAP = ("-Xms128m", "-Xmx512m", "-XX:MetaspaceSize=96M", "-XX:MaxMetaspaceSize=256m", "-XX:+ExitOnOutOfMemoryError")
SMALL = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Djava.awt.headless=true")
# What bin/kc.sh passes.
OPENED = tuple(f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in ("util", "util.concurrent", "security", "lang"))
THREADS = "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory"
PROPERTIES = {
    "user.language": "en",
    "user.country": "US",
    "file.encoding": "UTF-8",
    "java.security.egd": "file:/dev/urandom",
    "java.util.logging.manager": "org.jboss.logmanager.LogManager",
    "java.util.concurrent.ForkJoinPool.common.threadFactory": THREADS,
    "picocli.disable.closures": "true",
    "quarkus-log-max-startup-records": "10000",
}
MAIN = "io.quarkus.bootstrap.runner.QuarkusEntryPoint"
BUILD_OPTIONS = ("--db=dev-file", "--health-enabled=true")


def keycloak(site: Site) -> Component:
    """The issuer of a real stack."""
    release = _known_release()
    realm = hashlib.sha256(REALM_FILE.read_bytes()).hexdigest()[:12]
    folder = site.home.data / f"keycloak-{release}-{realm}"
    return Component(
        name="issuer",
        provider="real",
        port=site.ports.issuer,
        probe=_probe(site, folder, f"Keycloak {release}"),
        launch=lambda: _launch(site, folder),
        prepare=lambda: _prepare(site, folder),
        data_dir=folder,
        limits="one node, no TLS, dev passwords",
        claims=(site.ports.issuer_management,),
        start_seconds=FIRST_START_SECONDS,
    )


def check() -> None:
    """StackError when it could not start here."""
    find_java()
    _release(find_keycloak())


def _known_release() -> str:
    """The release that would start here; who only looks at a running one may not know where its distribution lies."""
    try:
        return _release(find_keycloak())
    except StackError:
        return "unknown"


def _release(distribution: Path) -> str:
    """The release of an unpacked Keycloak, such as 26.7.3."""
    try:
        return (distribution / "version.txt").read_text().split()[-1]
    except (OSError, IndexError):
        raise StackError(f"{distribution} is no Keycloak (no version.txt in it)", "set KEYCLOAK_HOME to a release") from None


def _probe(site: Site, folder: Path, version: str) -> Probe:
    """Ready when the realm is served; the first time it is, the import is known to be whole."""
    served = probes.issuer(site.issuer, version)

    async def probe() -> str:
        found = await served()
        if folder.is_dir():
            (folder / IMPORTED).touch()
        return found

    return probe


def _launch(site: Site, folder: Path) -> Launch:
    """The server's command: production mode, no cluster, and the issuer's name as it stands in tokens."""
    address = f"http://{LOCALHOST}:{site.ports.issuer}"
    listeners = (f"--http-port={site.ports.issuer}", f"--http-management-port={site.ports.issuer_management}")
    place = ("--http-enabled=true", f"--http-host={LOCALHOST}", *listeners, f"--hostname={address}", "--cache=local")
    password = site.home.passwords((ADMIN,))[ADMIN]
    admin = {"KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN, "KC_BOOTSTRAP_ADMIN_PASSWORD": password}
    return Launch([*_java(folder), "start", "--optimized", "--import-realm", *place], _environment() | admin)


def _java(folder: Path) -> tuple[str, ...]:
    """The command that runs the server in this folder; StackError without Keycloak or without Java."""
    _release(find_keycloak())
    own = {"kc.home.dir": folder, "jboss.server.config.dir": folder / "conf"}
    properties = [f"-D{name}={value}" for name, value in (PROPERTIES | own).items()]
    flags = (*HEAP, *SMALL, *OPENED, "--enable-native-access=ALL-UNNAMED", *properties)
    return (str(find_java()), *flags, "-cp", str(folder / RUNNER), MAIN)


def _environment() -> dict[str, str]:
    """Ours without what Keycloak would read as its own settings."""
    return {name: value for name, value in inherited_environment().items() if not name.startswith(("KC_", "KEYCLOAK_"))}


async def _prepare(site: Site, folder: Path) -> None:
    """Build the server once for this home, and drop a database whose first start was cut short."""
    distribution = find_keycloak()
    if not _is_built(folder, distribution):
        await _build(site, folder, distribution)
    if not (folder / IMPORTED).exists():
        shutil.rmtree(folder / "data", ignore_errors=True)
    imports = folder / "data" / "import"
    imports.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(REALM_FILE, imports / REALM_FILE.name)


def _is_built(folder: Path, distribution: Path) -> bool:
    """Whether it was built from the distribution at this place, and that is still there."""
    marker = folder / BUILT_FROM
    return marker.is_file() and marker.read_text() == str(distribution) and (folder / "lib" / "lib").is_dir()


async def _build(site: Site, folder: Path, distribution: Path) -> None:
    """Link the distribution, build beside its place, and move it there, so that an interrupted build leaves nothing."""
    with tempfile.TemporaryDirectory(prefix="keycloak-", dir=folder.parent, ignore_cleanup_errors=True) as name:
        draft = Path(name)
        _link(draft, distribution)
        log = site.home.logs / "keycloak-build.log"
        process = await spawn(Launch([*_java(draft), "build", *BUILD_OPTIONS], _environment()), log, ROOT)
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            await process.stop()
            raise
        if code != 0:
            raise StackError(f"Keycloak cannot be built: {process.last_words()}", f"read {log}")
        (draft / BUILT_FROM).write_text(str(distribution))
        _publish(draft, folder)


def _link(draft: Path, distribution: Path) -> None:
    """A folder that runs as a Keycloak: links to what is read, copies of what a build replaces.

    The runner is a copy because the place of its file is where the build goes.
    """
    for folder in ("lib", "providers", "data"):
        (draft / folder).mkdir()
    for name in LINKED:
        (draft / name).symlink_to(distribution / name)
    shutil.copyfile(distribution / RUNNER, draft / RUNNER)
    shutil.copytree(distribution / BUILT, draft / BUILT)


def _publish(draft: Path, folder: Path) -> None:
    """Put a new build in its place; the database of an earlier build of the same release stays."""
    if (folder / IMPORTED).exists():
        (draft / "data").rmdir()
        (folder / "data").rename(draft / "data")
        (draft / IMPORTED).touch()
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)
