"""OIDC: an external issuer (Keycloak), or the dev issuer that runs the same realm file."""

from __future__ import annotations

import sys

from deploy.local import probes
from deploy.local.component import Component, external
from deploy.local.process import Launch
from deploy.local.site import PARTS, REALM, ROOT, Site, inherited_environment

REALM_FILE = ROOT / "deploy" / "keycloak" / f"{REALM}-realm.json"


def issuer(site: Site) -> Component:
    """Whoever signs the tokens."""
    probe = probes.issuer(site.issuer, "OIDC 1.0")
    if site.provider("issuer") == "external":
        return external("issuer", probe, PARTS["issuer"])
    folder = site.home.data / "issuer"
    place = ("--realm", str(REALM_FILE), "--port", str(site.ports.issuer), "--home", str(folder))
    return Component(
        name="issuer",
        provider="embedded",
        port=site.ports.issuer,
        probe=probe,
        launch=lambda: Launch([sys.executable, "-m", "deploy.dev_issuer", *place], inherited_environment()),
        data_dir=folder,
        limits="dev passwords",
    )
