"""What a person says about providers is read strictly; real falls back aloud, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from deploy.local.choices import REQUIRE_REAL, parse_choices, real_choices
from deploy.local.errors import StackError
from deploy.local.site import PARTS


def _missing() -> None:
    raise StackError("it is not there", "fetch it")


ALL_THERE: Mapping[str, Callable[[], object]] = dict.fromkeys(PARTS, lambda: None)
NO_KAFKA = {**ALL_THERE, "kafka": _missing}


@pytest.fixture(autouse=True)
def _nothing_external(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PARTS.values(), REQUIRE_REAL):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("word", ["kafka", "kafka=", "kafka=tansu", "mysql=real", "=real"])
def test_a_word_that_names_no_provider_is_refused(word: str) -> None:
    with pytest.raises(StackError, match="names no provider"):
        parse_choices([word])


def test_words_name_one_part_each_and_the_last_counts() -> None:
    assert parse_choices(["kafka=real", "redis=real", "kafka=embedded"]) == {"kafka": "embedded", "redis": "real"}


def test_real_is_every_part_that_nobody_chose() -> None:
    choices = real_choices({"kafka": "embedded"}, ALL_THERE)
    assert choices.providers == {"postgres": "real", "redis": "real", "kafka": "embedded", "issuer": "real"}
    assert choices.fallbacks == {}


def test_what_is_not_there_is_embedded_with_its_reason() -> None:
    choices = real_choices({}, NO_KAFKA)
    assert choices.providers["kafka"] == "embedded"
    assert choices.fallbacks["kafka"].what == "it is not there"


def test_where_real_is_required_nothing_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUIRE_REAL, "1")
    with pytest.raises(StackError, match="it is not there"):
        real_choices({}, NO_KAFKA)
    assert real_choices({"kafka": "embedded"}, NO_KAFKA).providers["kafka"] == "embedded"


def test_an_external_server_needs_no_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLAS_KAFKA_BOOTSTRAP", "127.0.0.1:9092")
    assert "kafka" not in real_choices({}, NO_KAFKA).providers
