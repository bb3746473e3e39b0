"""The sandbox payment provider, a separate process with its own state on disk."""

from __future__ import annotations

import sys

from deploy.local import probes
from deploy.local.component import Component
from deploy.local.process import Launch
from deploy.local.site import Site, inherited_environment


def psp(site: Site) -> Component:
    """The payment provider of the stack."""
    folder = site.home.data / "psp"
    place = ("--port", str(site.ports.psp), "--home", str(folder))
    return Component(
        name="psp",
        provider="embedded",
        port=site.ports.psp,
        probe=probes.ready_endpoint(site.ports.psp, "/livez", "sandbox"),
        launch=lambda: Launch([sys.executable, "-m", "deploy.sandbox_psp", *place], inherited_environment()),
        data_dir=folder,
        limits="simulated money",
    )
