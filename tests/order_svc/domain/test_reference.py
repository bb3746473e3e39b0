"""A reference is used once, by each principal for himself."""

from __future__ import annotations

import pytest

from order_svc.domain.errors import DuplicateReference
from order_svc.domain.reference import Reference
from tests.order_svc.builders import ORDER_ID


def test_a_reference_is_used_once_and_the_refusal_names_the_order() -> None:
    used = Reference("issuer|buyer", "web-1").used_for(ORDER_ID)
    assert used.order_id == ORDER_ID
    with pytest.raises(DuplicateReference) as refused:
        used.used_for("another")
    assert refused.value.reason == "DUPLICATE_REFERENCE"
    assert ORDER_ID in refused.value.detail
    assert "web-1" in refused.value.detail


def test_the_same_text_of_two_principals_is_two_references() -> None:
    keys = {Reference(principal, "web-1").key for principal in ("issuer|buyer", "issuer|buyer2", "other|buyer")}
    assert len(keys) == 3
