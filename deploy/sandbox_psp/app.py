"""The provider's REST interface, as a merchant sees it.

POST /v1/payment_intents (Idempotency-Key)      {minor_units, currency_code, payment_method, reference} -> 201, 200 when known
GET  /v1/payment_intents/{key}                  inquiry by the merchant's own key
POST /v1/payment_intents/{key}/cancel           the state as it is afterwards; an unknown key can never be charged again
GET  /v1/payment_intents?limit=&after=          for reconciliation, oldest first
POST /v1/refunds (Idempotency-Key)              {intent_key, minor_units}; GET /v1/refunds/{key}, GET /v1/refunds?limit=&after=
GET  /v1/fees?limit=&after=                     what each intent that succeeded cost
POST /v1/payouts                                {currency_code}: pays out the balance; GET /v1/payouts?limit=&after=
GET  /v1/webhooks?limit=&after=                 how far each message has come; POST /v1/webhooks/{id}/resend sends one again
All but /livez want `Authorization: Bearer <sandbox key>`. A refusal is {"error": {"code": "..."}};
a malformed request is 422 with FastAPI's {"detail": [...]}.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, SecretStr
from starlette.concurrency import run_in_threadpool

from deploy.sandbox_psp.behaviours import Delays
from deploy.sandbox_psp.deliverer import Deliverer
from deploy.sandbox_psp.earnings import Fee, Payout
from deploy.sandbox_psp.errors import STATUS, Refusal
from deploy.sandbox_psp.intents import Intent, IntentRequest, Refund, RefundRequest
from deploy.sandbox_psp.messages import Message
from deploy.sandbox_psp.resources import fee_json, intent_json, message_json, payout_json, refund_json, with_time
from deploy.sandbox_psp.store import Store

log = structlog.get_logger(__name__)

_KEY: Final = "^[A-Za-z0-9_.:-]+$"
_CURRENCY: Final = "^[A-Z]{3}$"


@dataclass(frozen=True, slots=True)
class Provider:
    """What the routes work with; `now` gives seconds since the epoch, `pause` lets a call hang for some seconds."""

    store: Store
    key: SecretStr
    slow_seconds: float
    now: Callable[[], float]
    hang_seconds: float = 6.0
    late_seconds: float = 8.0
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep

    @property
    def delays(self) -> Delays:
        """How long what is slow and what is late takes."""
        return Delays(self.slow_seconds, self.late_seconds)


class IntentBody(BaseModel):
    """The body of POST /v1/payment_intents."""

    minor_units: int = Field(strict=True, gt=0, le=10**15)
    currency_code: str = Field(pattern=_CURRENCY)
    payment_method: str = Field(min_length=1, max_length=64)
    reference: str = Field(default="", max_length=255)


class RefundBody(BaseModel):
    """The body of POST /v1/refunds."""

    intent_key: str = Field(min_length=1, max_length=255)
    minor_units: int = Field(strict=True, gt=0, le=10**15)


class PayoutBody(BaseModel):
    """The body of POST /v1/payouts."""

    currency_code: str = Field(pattern=_CURRENCY)


async def _provider(request: Request) -> Provider:
    provider: Provider = request.app.state.provider
    return provider


Psp = Annotated[Provider, Depends(_provider)]
Key = Annotated[str, Header(alias="Idempotency-Key", pattern=_KEY, max_length=255)]
PathKey = Annotated[str, Path(pattern=_KEY, max_length=255)]
After = Annotated[int, Query(ge=0, lt=2**63)]
Limit = Annotated[int, Query(ge=1, le=1000)]


async def _authenticate(psp: Psp, authorization: Annotated[str, Header()] = "") -> None:
    expected = f"Bearer {psp.key.get_secret_value()}"
    if not hmac.compare_digest(authorization.encode(), expected.encode()):
        raise Refusal("invalid_key")


router = APIRouter(prefix="/v1", dependencies=[Depends(_authenticate)])


@router.post("/payment_intents", status_code=201)
async def create_intent(psp: Psp, key: Key, body: IntentBody, response: Response) -> dict[str, Any]:
    """Charge: the same key with the same body is the same intent. Some methods let the call hang."""
    now, request = psp.now(), IntentRequest(**body.model_dump())
    creation = await run_in_threadpool(psp.store.create_intent, key, request, now=now, delays=psp.delays)
    intent = creation.intent
    state = intent.state(now) if intent else "LOST"
    log.info("intent created" if creation.is_new else "intent repeated", key=key, state=state)
    if creation.hangs:
        await psp.pause(psp.hang_seconds)
    if intent is None:
        raise Refusal("timed_out")
    response.status_code = 201 if creation.is_new else 200
    return intent_json(intent, now)


@router.get("/payment_intents")
def list_intents(psp: Psp, limit: Limit = 100, after: After = 0) -> dict[str, Any]:
    """List intents, oldest first; `next` is the `after` of the following page."""
    now = psp.now()
    intents = psp.store.intents(now=now, after=after, limit=limit)
    return {"data": [intent_json(i, now) for i in intents], "next": _next(intents, limit)}


@router.get("/payment_intents/{key}")
def get_intent(psp: Psp, key: PathKey) -> dict[str, Any]:
    """Inquire by the merchant's key."""
    now = psp.now()
    return intent_json(psp.store.intent(key, now=now), now)


@router.post("/payment_intents/{key}/cancel")
def cancel_intent(psp: Psp, key: PathKey) -> dict[str, Any]:
    """Cancel what is not finished; the answer says what holds now."""
    now = psp.now()
    intent = psp.store.cancel_intent(key, now=now)
    log.info("intent cancel asked", key=key, state=intent.state(now))
    return intent_json(intent, now)


@router.post("/refunds", status_code=201)
def create_refund(psp: Psp, key: Key, body: RefundBody, response: Response) -> dict[str, Any]:
    """Give money back: the same key with the same body is the same refund."""
    now, request = psp.now(), RefundRequest(**body.model_dump())
    refund, is_new = psp.store.create_refund(key, request, now=now, delays=psp.delays)
    response.status_code = 201 if is_new else 200
    log.info("refund created" if is_new else "refund repeated", key=key, intent_key=body.intent_key, state=refund.state(now))
    return refund_json(refund, now)


@router.get("/refunds")
def list_refunds(psp: Psp, limit: Limit = 100, after: After = 0) -> dict[str, Any]:
    """List refunds, oldest first; `next` is the `after` of the following page."""
    now = psp.now()
    refunds = psp.store.refunds(now=now, after=after, limit=limit)
    return {"data": [refund_json(r, now) for r in refunds], "next": _next(refunds, limit)}


@router.get("/refunds/{key}")
def get_refund(psp: Psp, key: PathKey) -> dict[str, Any]:
    """Inquire by the merchant's key."""
    now = psp.now()
    return refund_json(psp.store.refund(key, now=now), now)


@router.get("/fees")
def list_fees(psp: Psp, limit: Limit = 100, after: After = 0) -> dict[str, Any]:
    """List fees, oldest first; `next` is the `after` of the following page."""
    fees = psp.store.fees(now=psp.now(), after=after, limit=limit)
    return {"data": [with_time(fee_json(f), f.create_time) for f in fees], "next": _next(fees, limit)}


@router.post("/payouts", status_code=201)
def create_payout(psp: Psp, body: PayoutBody) -> dict[str, Any]:
    """Pay out what is in the balance of a currency."""
    payout = psp.store.pay_out(body.currency_code, now=psp.now())
    log.info("paid out", payout_id=payout.payout_id, currency_code=body.currency_code)
    return with_time(payout_json(payout), payout.create_time)


@router.get("/payouts")
def list_payouts(psp: Psp, limit: Limit = 100, after: After = 0) -> dict[str, Any]:
    """List payouts, oldest first; `next` is the `after` of the following page."""
    payouts = psp.store.payouts(now=psp.now(), after=after, limit=limit)
    return {"data": [with_time(payout_json(p), p.create_time) for p in payouts], "next": _next(payouts, limit)}


@router.get("/webhooks")
def list_webhooks(psp: Psp, limit: Limit = 100, after: After = 0) -> dict[str, Any]:
    """List messages, oldest first; `next` is the `after` of the following page."""
    messages = psp.store.messages(now=psp.now(), after=after, limit=limit)
    return {"data": [message_json(m) for m in messages], "next": _next(messages, limit)}


@router.post("/webhooks/{message_id}/resend", status_code=202)
def resend_webhook(psp: Psp, message_id: Annotated[str, Path(pattern=_KEY, max_length=255)]) -> dict[str, Any]:
    """Send a message once more under its id, whatever became of it."""
    return message_json(psp.store.resend(message_id, now=psp.now()))


async def _livez() -> dict[str, bool]:
    return {"live": True}


async def _refused(request: Request, refusal: Exception) -> Response:
    code = refusal.code if isinstance(refusal, Refusal) else ""
    log.info("refused", method=request.method, path=request.url.path, code=code)
    headers = {"WWW-Authenticate": "Bearer"} if code == "invalid_key" else None
    return JSONResponse({"error": {"code": code}}, STATUS[code], headers)


def build(provider: Provider, deliverer: Deliverer | None = None) -> FastAPI:
    """Wire the provider's application; webhooks are delivered as long as it lives, and it ends where they cannot be."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if deliverer is None:
            yield
            return
        delivering = asyncio.create_task(deliverer.run())
        delivering.add_done_callback(_end_if_broken)
        yield
        delivering.cancel()
        await asyncio.wait([delivering])

    app = FastAPI(title="Sandbox payment provider", openapi_url=None, max_body_size=65_536, lifespan=lifespan)
    app.state.provider = provider
    app.include_router(router)
    app.add_api_route("/livez", _livez)
    app.add_exception_handler(Refusal, _refused)
    return app


def _end_if_broken(delivering: asyncio.Task[None]) -> None:
    """End the process, so that whoever watches it starts a new one: nobody would see that deliveries have stopped."""
    if not delivering.cancelled() and (error := delivering.exception()):
        log.error("deliverer broke", exc_info=error)
        signal.raise_signal(signal.SIGTERM)


def _next(page: list[Intent] | list[Refund] | list[Fee] | list[Payout] | list[Message], limit: int) -> int | None:
    return page[-1].number if len(page) == limit else None
