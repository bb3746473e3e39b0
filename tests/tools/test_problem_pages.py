"""docs/problems: a page for every error reason, current, complete, and true about who gives it."""

from __future__ import annotations

import json
import re

import pytest

from billing_svc.domain.errors import NotCreditable, NotRefundable, TooMuch
from chassis.contracts import error_options
from chassis.errors import Refusal
from chassis.money import Money
from chassis.rest.openapi.responses import reasons_of
from chassis.rest.problem import reasons
from gateway.services import all_routes
from inventory_svc.domain.errors import InUse, ItemExists, StockInUse
from inventory_svc.domain.stock import StockItem
from order_svc.domain.errors import (
    DuplicateReference,
    Mismatch,
    OrderChanged,
    OrderNotCancellable,
    OrderNotFound,
    PriceMismatch,
)
from tests.architecture.source import SERVICES, sources
from tests.docs.pages import Page, page
from tools import image, problem_pages
from tools.problem_examples import CORRELATION_ID, DOMAIN, TRACE_ID, through_grpc
from workflow_svc.domain.errors import AlreadyDecided, HumanOnly, RoleMissing, SelfApproval, StaleDecision

FOLDER = image.ROOT / "docs" / "problems"
_REFUSALS = re.compile(r'^    reason(?:: ClassVar\[str\])? = "([A-Z_]+)"', re.MULTILINE)


ORDER_ID = "01980000-0000-7000-8000-000000000001"
LAMPS = StockItem("LAMP-01", "Desk lamp", Money("EUR", 1200), on_hand=10, reserved=10)
REFUSALS: tuple[Refusal, ...] = (
    *(RoleMissing("Approver", 1), OrderNotFound(ORDER_ID), OrderChanged(4, 6), OrderNotCancellable("FULFILLED")),
    *(ItemExists("LAMP-01"), StockInUse([InUse(0, -2, LAMPS, (ORDER_ID,))])),
    *(SelfApproval(), HumanOnly(), AlreadyDecided("GRANTED"), StaleDecision(2, Money("EUR", 119_940))),
    DuplicateReference("web-4711", ORDER_ID),
    *(NotRefundable(Money("EUR", 6_000), Money("EUR", 4_180)), NotCreditable([TooMuch(0, 2)])),
    PriceMismatch([Mismatch(0, "unit_price", "LAMP-01 in EUR: unit_price is 1499, listed 1999")]),
)


def shown(reason: str) -> Page:
    """The page of a reason."""
    return page(f"docs/problems/{reason}.md")


def test_the_pages_are_what_the_contracts_say_today() -> None:
    assert problem_pages.render(image.build()) == {path.name: path.read_text("utf-8") for path in FOLDER.iterdir()}


@pytest.mark.parametrize("reason", reasons())
def test_a_page_says_what_it_means_and_what_to_do(reason: str) -> None:
    options, text = error_options(reason), shown(reason).text
    assert text.startswith(f"# {reason}\n\n{options.title}. ")
    assert options.remedy in text
    assert ("may succeed" in text) == options.retryable


@pytest.mark.parametrize("reason", reasons())
def test_a_page_shows_a_whole_answer(reason: str) -> None:
    (block,) = shown(reason).blocks("http")
    head, _, body = block.text.partition("\n\n")
    document = json.loads(body)
    assert head.splitlines()[:2] == [f"HTTP/1.1 {error_options(reason).http_status}", "content-type: application/problem+json"]
    assert (document["type"], document["code"]) == (f"/docs/problems/{reason}", reason)
    assert (document["correlation_id"], document["trace_id"]) == (CORRELATION_ID, TRACE_ID)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.reason)
def test_a_page_shows_what_the_domain_says(refusal: Refusal) -> None:
    (block,) = shown(refusal.reason).blocks("http")
    document, problem = json.loads(block.text.partition("\n\n")[2]), through_grpc(refusal)
    assert document["detail"] == problem.detail
    assert document["hint"] == problem.hint or not problem.hint
    assert [error["detail"] for error in document.get("errors", ())] == [v.message for v in refusal.violations]


def test_every_example_of_a_domain_is_compared_with_it() -> None:
    assert {refusal.reason for refusal in REFUSALS} == set(DOMAIN)


@pytest.mark.parametrize("reason", reasons())
def test_the_calls_on_a_page_are_those_of_the_policies(reason: str) -> None:
    named = set(re.findall(r"^\| `(\w+\.v1\.\w+/\w+)` \|", shown(reason).text, re.MULTILINE))
    may = {route.full_method.removeprefix("/atlas.") for route in all_routes() if reason in reasons_of(route)}
    assert not named or named == may
    assert named or "Every" in shown(reason).text


def test_services_refuse_with_every_reason_but_those_of_the_gateway() -> None:
    in_services = {name for source in sources("chassis", *SERVICES) for name in _REFUSALS.findall(source.text)}
    assert in_services == set(reasons()) - problem_pages.GATEWAY_ONLY - {"DEADLINE_EXCEEDED"}


def test_the_index_has_every_page() -> None:
    assert set(page("docs/problems/README.md").links()) == {f"{reason}.md" for reason in reasons()}
