"""Redaction leaves plain data without secrets, whatever it is given."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from chassis.redaction import REDACTED, redact, redact_text

CANARY = "canary-4711"


@dataclass
class Credentials:
    user: str
    password: str


@pytest.mark.parametrize(
    "key",
    ["authorization", "Authorization", "access_token", "client_secret", "db_password", "Set-Cookie", "X-API-Key", "signature"],
)
def test_what_stands_under_a_telling_key_is_dropped(key: str) -> None:
    assert redact({"outer": [{key: {"deep": CANARY}}]}) == {"outer": [{key: REDACTED}]}


@pytest.mark.parametrize(
    "text",
    [
        f"call failed: Bearer {CANARY}",
        f"Authorization: Basic {CANARY}, retrying",
        f"postgresql://app:{CANARY}@127.0.0.1:5432/order_svc",
        f"host=127.0.0.1 user=app password={CANARY} dbname=order_svc",
        f"{{'client_secret': '{CANARY}', 'x': 1}}",
        f'{{"refresh_token": "{CANARY}"}}',
        f"GET /callback?access_token={CANARY}&state=1",
        f"whsec_{CANARY}",
        f"eyJhbGciOiJSUzI1NiJ9.eyJ{CANARY}.{CANARY}",
    ],
)
def test_credentials_are_cut_out_of_texts(text: str) -> None:
    assert CANARY not in redact_text(text)
    assert CANARY not in json.dumps(redact({"detail": text, "list": (text,), "bytes": text.encode()}))


@pytest.mark.parametrize("value", [Credentials("app", CANARY), SecretStr(CANARY), ValueError(f"token={CANARY}")])
def test_objects_become_their_text_without_secrets(value: Any) -> None:
    assert CANARY not in redact(value)


def test_ordinary_data_stays_readable() -> None:
    order_id = UUID(int=7)
    data = {
        "order_id": order_id,
        "attempt": 2,
        "ok": True,
        "none": None,
        "ms": 1.5,
        "idempotency_key": "k",
        "path": "/v1/orders",
    }
    assert redact(data) == data | {"order_id": str(order_id)}


def test_depth_and_length_are_bounded() -> None:
    loop: dict[str, Any] = {}
    loop["self"] = loop
    assert len(json.dumps(redact(loop))) < 200
    assert len(redact_text("x" * 1_000_000)) < 10_000


@given(st.recursive(st.none() | st.integers() | st.text() | st.binary(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)))
def test_the_result_is_always_json(value: Any) -> None:
    json.dumps(redact(value))
