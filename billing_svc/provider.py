"""The payment provider: what billing needs of him, and the REST client that asks him.

Every call may be repeated: payments go under the attempt's id, refunds under the refund's id, as idempotency keys. A call
never raises for what the outside world does; it becomes an Answer that says how much is known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Protocol

import httpx2
import structlog
from pydantic import SecretStr

from billing_svc.domain.provider_call import Answer, Call, DeclineKind, Outcome
from chassis.money import Money

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PaymentQuestion:
    """What to ask about a payment attempt."""

    call: Call
    order_id: str
    payment_id: str
    amount: Money
    payment_method: str


@dataclass(frozen=True, slots=True)
class RefundQuestion:
    """What to give back of a payment."""

    order_id: str
    refund_id: str
    payment_id: str
    amount: Money


class PaymentProvider(Protocol):
    """Takes money and gives it back. Called from several threads."""

    def ask_payment(self, question: PaymentQuestion) -> Answer:
        """Charge, inquire about, or cancel an attempt."""
        ...

    def ask_refund(self, question: RefundQuestion) -> Answer:
        """Give money back; the same refund asked for again is the same refund."""
        ...


MAX_REFERENCE: Final = 255
_CURRENCY: Final = re.compile("[A-Z]{3}")
_STATES: Final = {
    "SUCCEEDED": Outcome.SUCCEEDED,
    "PENDING": Outcome.PENDING,
    "DECLINED": Outcome.DECLINED,
    "CANCELED": Outcome.CANCELED,
    "FAILED": Outcome.DECLINED,
}


class RestProvider:
    """The provider's REST interface: payment intents and refunds by our own keys."""

    def __init__(self, url: str, *, key: SecretStr, timeout: float, connect_timeout: float) -> None:
        self._client = httpx2.Client(
            base_url=url,
            timeout=httpx2.Timeout(timeout, connect=connect_timeout),
            headers={"Authorization": f"Bearer {key.get_secret_value()}"},
            trust_env=False,
        )

    def ask_payment(self, question: PaymentQuestion) -> Answer:
        """Charge, inquire about, or cancel an attempt."""
        intent = f"/v1/payment_intents/{question.payment_id}"
        match question.call:
            case Call.INQUIRE:
                return self._ask("GET", intent)
            case Call.CANCEL:
                return self._ask("POST", f"{intent}/cancel")
            case Call.CHARGE:
                body = {
                    "minor_units": question.amount.minor_units,
                    "currency_code": question.amount.currency_code,
                    "payment_method": question.payment_method,
                    "reference": question.order_id,
                }
                return self._ask("POST", "/v1/payment_intents", key=question.payment_id, body=body)

    def ask_refund(self, question: RefundQuestion) -> Answer:
        """Give money back."""
        body = {"intent_key": question.payment_id, "minor_units": question.amount.minor_units}
        return self._ask("POST", "/v1/refunds", key=question.refund_id, body=body)

    def _ask(self, method: str, path: str, *, key: str = "", body: dict[str, Any] | None = None) -> Answer:
        headers = {"Idempotency-Key": key} if key else None
        try:
            response = self._client.request(method, path, headers=headers, json=body)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            return _nothing(Outcome.UNREACHABLE, error)
        except httpx2.RequestError as error:
            return _nothing(Outcome.TIMED_OUT, error)
        if response.status_code == httpx2.codes.NOT_FOUND:
            return Answer(Outcome.NOT_FOUND)
        if not response.is_success:
            log.warning("provider_refused", method=method, status=response.status_code)
            return Answer(Outcome.UNREACHABLE)
        return _read(response)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _nothing(outcome: Outcome, error: Exception) -> Answer:
    log.warning("provider_did_not_answer", outcome=outcome.value, error_class=type(error).__name__)
    return Answer(outcome)


def _read(response: httpx2.Response) -> Answer:
    """Read an intent or a refund. What cannot be read says nothing about the money, so it is asked again."""
    try:
        return read_answer(response.json())
    except UNREADABLE as error:
        return _nothing(Outcome.TIMED_OUT, error)


UNREADABLE: Final = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading raises where the provider wrote something that is none of his shapes."""


def read_answer(said: dict[str, Any]) -> Answer:
    """Read what an intent or a refund says: where it is, and what came in or went back; one of UNREADABLE if it cannot be.

    Of an intent `received_*` is what came in, which need not be what was asked.
    """
    outcome = _STATES[said["state"]]
    amount = _amount(said.get("received_minor_units"), said.get("received_currency_code"))
    if amount is None:
        amount = read_amount(said)
    if outcome is Outcome.SUCCEEDED and amount is None:
        raise ValueError("money without an amount")
    kind = said.get("decline_kind")
    return Answer(
        outcome,
        amount=amount,
        reference=_reference(said.get("intent_id") if "intent_id" in said else said.get("refund_id")),
        decline_kind=DeclineKind(kind.upper()) if kind else None,
    )


def read_amount(said: dict[str, Any]) -> Money | None:
    """Read the amount that something is about; None where none is named."""
    return _amount(said["minor_units"], said["currency_code"])


def _amount(units: object, currency_code: object) -> Money | None:
    """Return a positive amount, None where none is named; what only looks like one is a ValueError."""
    if units is None:
        return None
    if type(units) is not int or units <= 0:  # bool is an int, and no amount
        raise ValueError("minor_units is no amount")
    if not isinstance(currency_code, str) or not _CURRENCY.fullmatch(currency_code):
        raise ValueError("currency_code is no currency")
    return Money(currency_code, units)


def _reference(text: object) -> str | None:
    """Return the provider's own id, which is kept and shown; what is no id is a ValueError."""
    if text is not None and not (isinstance(text, str) and len(text) <= MAX_REFERENCE and text.isprintable()):
        raise ValueError("the provider's id is no id")
    return text
