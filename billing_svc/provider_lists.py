"""The payment provider's own lists of payments and refunds, page after page, as claims."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Self

import httpx2
import structlog
from pydantic import SecretStr

from billing_svc.domain.reconciliation import Amount, Claim
from chassis.errors import Unavailable

log = structlog.get_logger(__name__)

PAGE_SIZE: Final = 1_000
RETRY_SECONDS: Final = 5
_NO_MONEY: Final = frozenset({"DECLINED", "CANCELED", "FAILED"})
_REFUSED: Final = (httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN)

Page = dict[str, Claim]
"""Claims by our own key."""


class ProviderLists:
    """Reads the lists over REST, oldest first. A provider that cannot be read to the end is Unavailable.

    `timeout` and `connect_timeout` are in seconds, for each page.
    """

    def __init__(self, url: str, *, key: SecretStr, timeout: float, connect_timeout: float) -> None:
        try:
            self._client = httpx2.Client(
                base_url=url,
                timeout=httpx2.Timeout(timeout, connect=connect_timeout),
                headers={"Authorization": f"Bearer {key.get_secret_value()}"},
                trust_env=False,
            )
        except httpx2.InvalidURL as error:
            raise _silent(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def payments(self) -> Iterator[Page]:
        """Read what he has of payments."""
        for items in self._pages("/v1/payment_intents"):
            yield _claims(items, "")

    def refunds(self) -> Iterator[Page]:
        """Read what he has of refunds."""
        for items in self._pages("/v1/refunds"):
            yield _claims(items, "intent_key")

    def _pages(self, path: str) -> Iterator[list[dict[str, Any]]]:
        after: int | None = 0
        while after is not None:
            page = self._page(path, after)
            try:
                items, following = page["data"], page["next"]
                if following is not None and not (type(following) is int and following > after):
                    raise ValueError("the next page is none that follows")
            except (KeyError, TypeError, ValueError) as error:
                raise _unreadable(error) from error
            yield items
            after = following

    def _page(self, path: str, after: int) -> Any:
        try:
            response = self._client.get(path, params={"limit": PAGE_SIZE, "after": after})
        except httpx2.RequestError as error:
            raise _silent(error) from error
        if response.status_code in _REFUSED:
            hint = "Set ATLAS_PSP_KEY to the key that the provider knows."
            raise Unavailable("the payment provider does not accept our key", hint=hint, retry_after=RETRY_SECONDS)
        if not response.is_success:
            what = f"the payment provider does not show its list: HTTP {response.status_code}"
            raise Unavailable(what, retry_after=RETRY_SECONDS)
        try:
            return response.json()
        except (ValueError, RecursionError) as error:
            raise _unreadable(error) from error


def _silent(error: Exception) -> Unavailable:
    log.warning("provider_list_failed", error_class=type(error).__name__)
    hint = "Does he run, and is ATLAS_PSP_URL his address?"
    return Unavailable("the payment provider does not answer", hint=hint, retry_after=RETRY_SECONDS)


def _unreadable(error: Exception) -> Unavailable:
    log.warning("provider_list_unreadable", error_class=type(error).__name__)
    return Unavailable("the payment provider's list cannot be read", retry_after=RETRY_SECONDS)


def _claims(items: list[dict[str, Any]], of: str) -> Page:
    try:
        return {_text(item["key"]): _claim(item, _text(item[of]) if of else "") for item in items}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unreadable(error) from error


def _claim(item: dict[str, Any], of: str) -> Claim:
    state = _text(item["state"])
    if state == "SUCCEEDED":
        return Claim(state, _money(item), of)
    if state != "PENDING" and state not in _NO_MONEY:
        raise ValueError("an unknown state")
    return Claim(state, None, of, is_under_way=state == "PENDING")


def _money(item: dict[str, Any]) -> Amount:
    """Return what came in where he says so, else what was asked for."""
    prefix = "received_" if item.get("received_minor_units") is not None else ""
    units = item[f"{prefix}minor_units"]
    if type(units) is not int:  # bool is an int, and no amount
        raise ValueError("minor_units is no amount")
    return _text(item[f"{prefix}currency_code"]), units


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("no text")
    return value
