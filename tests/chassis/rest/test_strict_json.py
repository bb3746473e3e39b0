"""What the parser lets through for the codec to judge."""

from __future__ import annotations

import pytest

from chassis.rest.offence import Offences
from chassis.rest.strict_json import MAX_DEPTH, RepeatedKeys, is_too_deep, parse


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize(("depth", "too_deep"), [(1, False), (MAX_DEPTH, False), (MAX_DEPTH + 1, True), (300, True)])
def test_depth_is_limited(opened: str, closed: str, depth: int, too_deep: bool) -> None:
    text = opened * depth + ("1" if opened != "[" else "") + closed * depth
    assert is_too_deep(parse(text.encode(), Offences())) == too_deep


def test_an_empty_body_is_an_empty_object() -> None:
    assert parse(b" \r\n", Offences()) == {}


def test_repeated_keys_are_kept_in_sight() -> None:
    document = parse(b'{"a": 1, "b": 2, "a": 3, "a": 4}', Offences())
    assert isinstance(document, RepeatedKeys)
    assert document.repeated == ("a",)
