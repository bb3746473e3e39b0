"""Which provider each part shall have, from what a person says: `kafka=real`, or real for all that can be had."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from deploy.local.errors import StackError
from deploy.local.site import PARTS, PROVIDERS, external_servers

REQUIRE_REAL = "ATLAS_REQUIRE_REAL"


@dataclass(frozen=True, slots=True)
class Choices:
    """The provider of each part that has one chosen, and for each that fell back to embedded the reason."""

    providers: Mapping[str, str]
    fallbacks: Mapping[str, StackError] = field(default_factory=dict)


def parse_choices(words: Sequence[str]) -> dict[str, str]:
    """Read words such as kafka=real; StackError for a part or a provider there is none of."""
    chosen: dict[str, str] = {}
    for word in words:
        part, _, provider = word.partition("=")
        if part not in PARTS or provider not in PROVIDERS:
            raise StackError(f"{word!r} names no provider", f"say PART={'|'.join(PROVIDERS)}, PART one of {', '.join(PARTS)}")
        chosen[part] = provider
    return chosen


def real_choices(chosen: Mapping[str, str], checks: Mapping[str, Callable[[], object]]) -> Choices:
    """Real for every part that is neither chosen nor external, embedded where its check refuses.

    Where the environment says ATLAS_REQUIRE_REAL=1, StackError instead of falling back.
    """
    given = external_servers(chosen)
    providers, fallbacks = dict(chosen), {}
    for part in (part for part in PARTS if part not in chosen and PARTS[part] not in given):
        try:
            checks[part]()
            providers[part] = "real"
        except StackError as refusal:
            if os.environ.get(REQUIRE_REAL) == "1":
                raise
            providers[part], fallbacks[part] = "embedded", refusal
    return Choices(providers, fallbacks)
