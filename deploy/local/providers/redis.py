"""Redis: an external server, or the embedded Valkey. It holds hints only, so it keeps nothing on disk."""

from __future__ import annotations

from deploy.local import probes, programs
from deploy.local.component import Component
from deploy.local.ports import LOCALHOST
from deploy.local.process import Launch
from deploy.local.site import Site, inherited_environment

MEMORY = ("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru")


def redis(site: Site) -> Component:
    """The cache of the stack."""
    probe = probes.redis_server(site.redis_url)
    if "ATLAS_REDIS_URL" in site.external:
        return Component("redis", "external", None, probe, None, remedy="check ATLAS_REDIS_URL")
    port = site.ports.redis
    place = ("--bind", LOCALHOST, "--port", str(port), "--save", "", "--dir", str(site.home.data))
    return Component(
        name="redis",
        provider="embedded",
        port=port,
        probe=probe,
        launch=lambda: Launch([str(programs.valkey_server()), *place, *MEMORY], inherited_environment()),
        limits="64 MB, keeps nothing over a restart",
    )
