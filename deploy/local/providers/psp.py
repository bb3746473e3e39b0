"""The sandbox payment provider, a separate process with its own state on disk."""

from __future__ import annotations

import sys

from deploy.local import probes
from deploy.local.component import Component
from deploy.local.ports import LOCALHOST
from deploy.local.process import Launch
from deploy.local.site import Site, inherited_environment
from deploy.sandbox_psp.settings import DEFAULT_SECRETS, SECRETS_VARIABLE

WEBHOOK_PATH = "/v1/webhooks/payments/sandbox"
WEBHOOK_SECRETS = {SECRETS_VARIABLE: DEFAULT_SECRETS}
"""What the provider signs with and billing verifies with; as everything of the development profile, no secret at all."""


def psp(site: Site) -> Component:
    """The payment provider of the stack."""
    folder = site.home.data / "psp"
    webhooks = f"http://{LOCALHOST}:{site.ports.gateway}{WEBHOOK_PATH}"
    place = ("--port", str(site.ports.psp), "--home", str(folder), "--webhook-url", webhooks)
    environment = inherited_environment() | WEBHOOK_SECRETS
    return Component(
        name="psp",
        provider="embedded",
        port=site.ports.psp,
        probe=probes.ready_endpoint(site.ports.psp, "/livez", "sandbox"),
        launch=lambda: Launch([sys.executable, "-m", "deploy.sandbox_psp", *place], environment),
        data_dir=folder,
        limits="simulated money",
    )
