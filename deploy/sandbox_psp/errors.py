"""Everything the provider refuses, with the HTTP status a merchant sees."""

from __future__ import annotations

from typing import Final

STATUS: Final = {
    "invalid_key": 401,
    "intent_not_found": 404,
    "refund_not_found": 404,
    "webhook_not_found": 404,
    "idempotency_mismatch": 409,
    "intent_not_succeeded": 409,
    "nothing_to_pay_out": 422,
    "refund_exceeds_intent": 422,
    "unavailable": 503,
    "timed_out": 504,
}


class Refusal(Exception):
    """What the provider will not do, with its code for the caller: one of STATUS."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
