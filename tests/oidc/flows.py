"""The flows in which a person logs in at the issuer itself: the device flow, and the code with a proof key."""

from __future__ import annotations

import asyncio
import secrets
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from tests.oidc.browser import Browser, browser
from tests.oidc.issuers import Issuer
from tests.oidc.tokens import CLI
from tests.security.tokens import encoded

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
PATIENCE_SECONDS = 30
WEB = "atlas-web"
REDIRECT = "http://127.0.0.1:18080/callback"


async def device_code(http: httpx2.AsyncClient, issuer: Issuer) -> dict[str, Any]:
    """What the command line shows its user."""
    response = await http.post(f"{issuer.endpoint}/auth/device", data={"client_id": CLI})
    assert response.status_code == 200, response.text
    shown: dict[str, Any] = response.json()
    return shown


async def poll(http: httpx2.AsyncClient, issuer: Issuer, code: str) -> dict[str, Any]:
    """Ask once whether the user has agreed."""
    form = {"grant_type": DEVICE_GRANT, "client_id": CLI, "device_code": code}
    answer: dict[str, Any] = (await http.post(f"{issuer.endpoint}/token", data=form)).json()
    return answer


async def poll_until_agreed(http: httpx2.AsyncClient, issuer: Issuer, code: str) -> dict[str, Any]:
    """Ask until there is a token."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "error" in (answer := await poll(http, issuer, code)):
            assert answer["error"] in ("authorization_pending", "slow_down"), answer
            await asyncio.sleep(0.1)
    return answer


def agree(shown: dict[str, Any], name: str) -> str:
    """Open the page that is shown, log in, agree; the last page."""
    with browser() as window:
        login = window.open(shown["verification_uri_complete"])
        consent = window.submit(login, {"username": name, "password": name})
        return window.submit(consent, {"accept": "Yes"}).text


def ask_for_code(window: Browser, issuer: Issuer, **more: str) -> httpx2.Response:
    """Go where the web client sends a person: the login page, or the redirect that carries an error."""
    query = {"client_id": WEB, "response_type": "code", "redirect_uri": REDIRECT, "state": "s", "scope": "openid"} | more
    return window.open(f"{issuer.endpoint}/auth?{urlencode(query)}", until=REDIRECT)


def refused_code(issuer: Issuer) -> dict[str, str]:
    """Ask for a code without a proof key; what the web client is told."""
    with browser() as window:
        return returned(ask_for_code(window, issuer))


def returned(answer: httpx2.Response) -> dict[str, str]:
    """The parameters with which a browser is sent back to the web client."""
    assert answer.next_request is not None, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(str(answer.next_request.url)).query).items()}


def log_in_for_code(issuer: Issuer, name: str) -> tuple[str, str]:
    """Log in through the web client; the code and its proof."""
    proof = secrets.token_urlsafe(48)
    challenge = encoded(sha256(proof.encode()).digest())
    with browser() as window:
        login = ask_for_code(window, issuer, code_challenge=challenge, code_challenge_method="S256")
        back = returned(window.submit(login, {"username": name, "password": name}, until=REDIRECT))
    assert (back["state"], back["iss"]) == ("s", issuer.url)
    return back["code"], proof


async def redeem(http: httpx2.AsyncClient, issuer: Issuer, code: str, proof: str) -> httpx2.Response:
    """Exchange a code."""
    form = {"grant_type": "authorization_code", "client_id": WEB, "redirect_uri": REDIRECT, "code": code}
    return await http.post(f"{issuer.endpoint}/token", data=form | {"code_verifier": proof})
