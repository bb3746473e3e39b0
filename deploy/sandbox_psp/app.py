"""The provider's REST interface, as a merchant sees it.

POST /v1/payment_intents (Idempotency-Key)      {minor_units, currency_code, payment_method, reference} -> 201, 200 when known
GET  /v1/payment_intents/{key}                  inquiry by the merchant's own key
POST /v1/payment_intents/{key}/cancel           the state as it is afterwards; an unknown key can never be charged again
GET  /v1/payment_intents?limit=&after=          for reconciliation, oldest first
POST /v1/refunds (Idempotency-Key)              {intent_key, minor_units}; GET /v1/refunds/{key}, GET /v1/refunds?limit=&after=
All but /livez want `Authorization: Bearer <sandbox key>`. A refusal is {"error": {"code": "..."}};
a malformed request is 422 with FastAPI's {"detail": [...]}.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, SecretStr

from deploy.sandbox_psp.intents import Intent, IntentRequest, Refund, RefundRequest
from deploy.sandbox_psp.store import Refusal, Store

log = structlog.get_logger(__name__)

_KEY: Final = "^[A-Za-z0-9_.:-]+$"
_STATUS: Final = {
    "invalid_key": 401,
    "intent_not_found": 404,
    "refund_not_found": 404,
    "idempotency_mismatch": 409,
    "intent_not_succeeded": 409,
    "refund_exceeds_intent": 422,
}


@dataclass(frozen=True, slots=True)
class Provider:
    """What the routes work with; `now` gives seconds since the epoch."""

    store: Store
    key: SecretStr
    slow_seconds: float
    now: Callable[[], float]


class IntentBody(BaseModel):
    """The body of POST /v1/payment_intents."""

    minor_units: int = Field(strict=True, gt=0, le=10**15)
    currency_code: str = Field(pattern="^[A-Z]{3}$")
    payment_method: str = Field(min_length=1, max_length=64)
    reference: str = Field(default="", max_length=255)


class RefundBody(BaseModel):
    """The body of POST /v1/refunds."""

    intent_key: str = Field(min_length=1, max_length=255)
    minor_units: int = Field(strict=True, gt=0, le=10**15)


async def _provider(request: Request) -> Provider:
    provider: Provider = request.app.state.provider
    return provider


Psp = Annotated[Provider, Depends(_provider)]
Key = Annotated[str, Header(alias="Idempotency-Key", pattern=_KEY, max_length=255)]
PathKey = Annotated[str, Path(pattern=_KEY, max_length=255)]
After = Annotated[int, Query(ge=0)]
Limit = Annotated[int, Query(ge=1, le=1000)]


async def _authenticate(psp: Psp, authorization: Annotated[str, Header()] = "") -> None:
    expected = f"Bearer {psp.key.get_secret_value()}"
    if not hmac.compare_digest(authorization.encode(), expected.encode()):
        raise Refusal("invalid_key")


router = APIRouter(prefix="/v1", dependencies=[Depends(_authenticate)])


@router.post("/payment_intents", status_code=201)
def create_intent(psp: Psp, key: Key, body: IntentBody, response: Response) -> dict[str, Any]:
    """Charge: the same key with the same body is the same intent."""
    now = psp.now()
    intent, is_new = psp.store.create_intent(key, IntentRequest(**body.model_dump()), now=now, slow_seconds=psp.slow_seconds)
    response.status_code = 201 if is_new else 200
    log.info("intent created" if is_new else "intent repeated", key=key, state=intent.state(now))
    return _intent_json(intent, now)


@router.get("/payment_intents")
def list_intents(psp: Psp, limit: Limit = 100, after: After = 0) -> dict[str, Any]:
    """List intents, oldest first; `next` is the `after` of the following page."""
    intents = psp.store.intents(after=after, limit=limit)
    return {"data": [_intent_json(i, psp.now()) for i in intents], "next": _next(intents, limit)}


@router.get("/payment_intents/{key}")
def get_intent(psp: Psp, key: PathKey) -> dict[str, Any]:
    """Inquire by the merchant's key."""
    return _intent_json(psp.store.intent(key), psp.now())


@router.post("/payment_intents/{key}/cancel")
def cancel_intent(psp: Psp, key: PathKey) -> dict[str, Any]:
    """Cancel what is not finished; the answer says what holds now."""
    now = psp.now()
    intent = psp.store.cancel_intent(key, now=now)
    log.info("intent cancel asked", key=key, state=intent.state(now))
    return _intent_json(intent, now)


@router.post("/refunds", status_code=201)
def create_refund(psp: Psp, key: Key, body: RefundBody, response: Response) -> dict[str, Any]:
    """Give money back: the same key with the same body is the same refund."""
    refund, is_new = psp.store.create_refund(key, RefundRequest(**body.model_dump()), now=psp.now())
    response.status_code = 201 if is_new else 200
    log.info("refund created" if is_new else "refund repeated", key=key, intent_key=body.intent_key, state=refund.outcome)
    return _refund_json(refund)


@router.get("/refunds")
def list_refunds(psp: Psp, limit: Limit = 100, after: After = 0) -> dict[str, Any]:
    """List refunds, oldest first; `next` is the `after` of the following page."""
    refunds = psp.store.refunds(after=after, limit=limit)
    return {"data": [_refund_json(r) for r in refunds], "next": _next(refunds, limit)}


@router.get("/refunds/{key}")
def get_refund(psp: Psp, key: PathKey) -> dict[str, Any]:
    """Inquire by the merchant's key."""
    return _refund_json(psp.store.refund(key))


async def _livez() -> dict[str, bool]:
    return {"live": True}


async def _refused(request: Request, refusal: Exception) -> Response:
    code = refusal.code if isinstance(refusal, Refusal) else ""
    log.info("refused", method=request.method, path=request.url.path, code=code)
    headers = {"WWW-Authenticate": "Bearer"} if code == "invalid_key" else None
    return JSONResponse({"error": {"code": code}}, _STATUS[code], headers)


def build(provider: Provider) -> FastAPI:
    """Wire the provider's application."""
    app = FastAPI(title="Sandbox payment provider", openapi_url=None, max_body_size=65_536)
    app.state.provider = provider
    app.include_router(router)
    app.add_api_route("/livez", _livez)
    app.add_exception_handler(Refusal, _refused)
    return app


def _intent_json(intent: Intent, now: float) -> dict[str, Any]:
    state, request = intent.state(now), intent.request
    is_declined = state == "DECLINED"
    return {
        "intent_id": intent.intent_id,
        "key": intent.key,
        "state": state,
        "decline_kind": intent.decline_kind if is_declined else None,
        "decline_code": intent.decline_code if is_declined else None,
        "minor_units": request.minor_units if request else None,
        "currency_code": request.currency_code if request else None,
        "payment_method": request.payment_method if request else None,
        "reference": request.reference if request else None,
        "create_time": _text(intent.create_time),
    }


def _refund_json(refund: Refund) -> dict[str, Any]:
    return {
        "refund_id": refund.refund_id,
        "key": refund.key,
        "intent_key": refund.request.intent_key,
        "state": refund.outcome,
        "failure_code": refund.failure_code,
        "minor_units": refund.request.minor_units,
        "currency_code": refund.currency_code,
        "create_time": _text(refund.create_time),
    }


def _next(page: list[Intent] | list[Refund], limit: int) -> int | None:
    return page[-1].number if len(page) == limit else None


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
