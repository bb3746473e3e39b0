"""docs/sandbox-provider.md: its methods, refusals, options, calls and types of webhooks are those of the provider."""

from __future__ import annotations

import re
from pathlib import Path

from deploy.local.providers.psp import WEBHOOK_PATH
from deploy.sandbox_psp.__main__ import parser
from deploy.sandbox_psp.app import router
from deploy.sandbox_psp.behaviours import BEHAVIOURS, Delays
from deploy.sandbox_psp.errors import STATUS
from deploy.sandbox_psp.intents import IntentRequest, RefundRequest
from deploy.sandbox_psp.store import Store
from tests.docs.pages import page

PAGE = page("docs/sandbox-provider.md")
_CALL = re.compile(r"(?:GET|POST) /v1/\S+")


def _cells() -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.prose.splitlines() if line.startswith("|")]


def test_the_methods_are_those_there_are() -> None:
    assert [cells[0] for cells in _cells() if cells[0].startswith("`pm_")] == [f"`{method}`" for method in BEHAVIOURS]


def test_the_refusals_are_those_there_are() -> None:
    pairs = [pair for cells in _cells() if len(cells) == 4 for pair in (cells[:2], cells[2:])]
    assert {code.strip("`"): int(status) for code, status in pairs if status.isdigit()} == STATUS


def test_the_options_and_their_defaults_are_those_there_are() -> None:
    shown = {cells[0].strip("`"): cells[1] for cells in _cells() if cells[0].startswith("`--")}
    actions = [action for action in parser()._actions if action.dest != "help"]
    assert list(shown) == [action.option_strings[0] for action in actions]
    assert [float(value) for value in shown.values() if value[:1].isdigit()] == [
        action.default for action in actions if action.default is not None
    ]


def test_the_calls_are_those_there_are() -> None:
    shown = {call for span in PAGE.spans() for call in _CALL.findall(span)} - {f"POST {WEBHOOK_PATH}"}
    served = {f"{method} {re.sub('{message_id}', '{id}', r.path)}" for r in router.routes for method in r.methods}  # type: ignore[attr-defined]
    assert shown == served
    assert f"`POST {WEBHOOK_PATH}`" in PAGE.text


def test_the_types_of_webhooks_are_those_that_are_sent(tmp_path: Path) -> None:
    store, delays = Store(tmp_path, keeps_webhooks=True), Delays(slow=1, late=1)
    for method in ("pm_ok", "pm_declined_hard", "pm_slow", "pm_refund_fails"):
        store.create_intent(method, IntentRequest(100, "EUR", method, ""), now=0, delays=delays)
    store.cancel_intent("pm_slow", now=0)
    for method in ("pm_ok", "pm_refund_fails"):
        store.create_refund(method, RefundRequest(method, 1), now=0, delays=delays)
    store.pay_out("EUR", now=0)
    sent = {message.type for message in store.messages(now=0, after=0, limit=100)}
    store.close()
    shown = {span for cells in _cells() if len(cells) == 2 for span in re.findall(r"`([a-z_]+\.[a-z]+)`", cells[0])}
    assert shown == sent
