"""Signatures are those of Standard Webhooks, one for each secret."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from deploy.sandbox_psp.settings import DEFAULT_SECRETS
from deploy.sandbox_psp.signatures import Signer

OLD, NEW, OTHER = (f"whsec_{base64.b64encode(name.encode() * 3).decode()}" for name in ("old-key", "new-key", "other-key"))


def test_the_vector_of_the_standard() -> None:
    signer = Signer(SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    headers = signer.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", '{"test": 2432232314}', 1_614_265_330.9)
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.text(max_size=200), st.lists(st.sampled_from([OLD, NEW]), min_size=1, max_size=3, unique=True))
def test_each_secret_verifies_and_no_other(body: str, secrets: list[str]) -> None:
    headers = Signer(SecretStr(", ".join(secrets))).headers("msg_1", body, time.time())
    for secret in secrets:
        Webhook(secret).verify(body, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(body, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(secrets[0]).verify(f"{body} ", headers, json_parse=False)


def test_the_default_is_the_one_everybody_knows() -> None:
    headers = Signer(SecretStr(DEFAULT_SECRETS)).headers("msg_1", "{}", time.time())
    assert Webhook(b"sandbox-webhook-key-1").verify("{}", headers) == {}


@pytest.mark.parametrize("secrets", ["", "whsec_", f"{OLD},", "whsec_a", "whsec_é"])
def test_a_malformed_secret_is_refused_and_not_shown(secrets: str) -> None:
    with pytest.raises(ValueError, match="whsec_ and base64") as refused:
        Signer(SecretStr(secrets))
    assert OLD not in str(refused.value)
    assert refused.value.__suppress_context__
