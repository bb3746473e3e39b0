"""Every refusal of the chassis means something in the contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chassis import errors
from chassis.contracts import error_options
from chassis.errors import Refusal


def _refusals(base: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    yield base
    for each in base.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from _refusals(each)


@pytest.mark.parametrize("refusal", list(_refusals()), ids=lambda refusal: refusal.__name__)
def test_every_refusal_has_a_meaning_in_the_contract(refusal: type[Refusal]) -> None:
    options = error_options(refusal.reason)
    assert options.grpc_code != 0
    assert 400 <= options.http_status < 600
    assert options.title


def test_each_reason_is_named_by_one_class() -> None:
    reasons = [refusal.reason for refusal in _refusals()]
    assert len(reasons) == len(set(reasons))


def test_a_refusal_shows_its_detail_and_nothing_else() -> None:
    refusal = errors.VersionMismatch("the current version is 4", hint="read it again")
    assert str(refusal) == "the current version is 4"
    assert (refusal.hint, refusal.violations, refusal.retry_after) == ("read it again", (), None)


def test_a_reason_that_no_contract_has_is_a_programming_error() -> None:
    with pytest.raises(KeyError):
        error_options("NO_SUCH_REASON")
