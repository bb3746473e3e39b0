"""Redis: an external server, an installed Redis or Valkey, or the embedded Valkey.

It holds hints only, so it keeps nothing on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from deploy.local import probes, programs
from deploy.local.component import Component, external
from deploy.local.ports import LOCALHOST
from deploy.local.process import Launch
from deploy.local.site import PARTS, Site, inherited_environment

MEMORY = ("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru")


def redis(site: Site) -> Component:
    """The cache of the stack."""
    probe = probes.redis_server(site.redis_url)
    provider = site.provider("redis")
    if provider == "external":
        return external("redis", probe, PARTS["redis"])
    server = programs.installed_redis if provider == "real" else programs.valkey_server
    return Component(
        name="redis",
        provider=provider,
        port=site.ports.redis,
        probe=probe,
        launch=lambda: _launch(site, server),
        limits="64 MB, keeps nothing over a restart",
    )


def _launch(site: Site, server: Callable[[], Path]) -> Launch:
    """The server's command; without a file of settings it reads those of the command only."""
    place = ("--bind", LOCALHOST, "--port", str(site.ports.redis), "--save", "", "--dir", str(site.home.data))
    return Launch([str(server()), *place, *MEMORY], inherited_environment())
