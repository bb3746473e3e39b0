"""The issuer's HTTP side: discovery, keys, tokens, and one path of its own that rotates the key."""

from __future__ import annotations

import base64
import time
from urllib.parse import parse_qs, unquote_plus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from deploy.dev_issuer.grants import GRANTS, Credentials, Refusal, claims, issue
from deploy.dev_issuer.keys import ALGORITHM, KeyRing
from deploy.dev_issuer.realm import Realm

MAX_FORM = 16_384
MAX_FIELDS = 16
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def build(realm: Realm, keys: KeyRing, base_url: str) -> FastAPI:
    """The issuer of this realm at this address, such as http://127.0.0.1:8143."""
    issuer = f"{base_url}/realms/{realm.name}"
    oidc = f"/realms/{realm.name}/protocol/openid-connect"
    app = FastAPI(title="Atlas dev issuer", docs_url=None, redoc_url=None, openapi_url=None, max_body_size=MAX_FORM)
    app.add_exception_handler(Refusal, _refused)
    discovery = {
        "issuer": issuer,
        "token_endpoint": f"{base_url}{oidc}/token",
        "jwks_uri": f"{base_url}{oidc}/certs",
        "grant_types_supported": list(GRANTS),
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "response_types_supported": [],
        "subject_types_supported": ["public"],
    }

    @app.get(f"/realms/{realm.name}/.well-known/openid-configuration")
    async def openid_configuration() -> JSONResponse:
        return JSONResponse(discovery)

    @app.get(f"{oidc}/certs")
    async def certs() -> JSONResponse:
        return JSONResponse(keys.jwks())

    @app.post(f"{oidc}/token")
    async def token(request: Request) -> JSONResponse:
        form = _form(await request.body())
        grantee = issue(realm, _credentials(request.headers.get("authorization"), form), form)
        signed = keys.current.sign(claims(realm, issuer, grantee, int(time.time())))
        answer = {"access_token": signed, "expires_in": realm.token_lifespan, "refresh_expires_in": 0, "token_type": "Bearer"}
        answer |= {"not-before-policy": 0, "scope": grantee.scope}
        return JSONResponse(answer, headers=NO_STORE)

    @app.post("/dev/rotate")
    async def rotate() -> JSONResponse:
        keys.rotate()
        return JSONResponse({"kid": keys.current.kid})

    return app


async def _refused(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, Refusal):
        raise error
    body = {"error": error.error, "error_description": error.description}
    return JSONResponse(body, error.status, headers=NO_STORE)


def _form(body: bytes) -> dict[str, str]:
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise Refusal(400, "invalid_request", "The form cannot be read") from None
    if any(len(values) > 1 for values in fields.values()):
        raise Refusal(400, "invalid_request", "duplicated parameter")
    return {name: values[0] for name, values in fields.items()}


def _credentials(authorization: str | None, form: dict[str, str]) -> Credentials:
    """The client's id and secret, from HTTP Basic or from the form."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return Credentials(form.get("client_id", ""), form.get("client_secret"))
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except ValueError:
        raise Refusal(401, "invalid_client", "Invalid client or Invalid client credentials") from None
    return Credentials(unquote_plus(name), unquote_plus(secret))
