"""The issuer's keys: fetched once for everybody, ahead of need, and kept while the issuer is away for a short time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from chassis.jwks import COOL_DOWN, REFRESH_AHEAD, STALE, TTL, JwksSource
from tests.chassis.issuer import CERTS, DISCOVERY, ISSUER, Clock, Issuer
from tests.security.tokens import fresh_signer

KEY, SUCCESSOR = fresh_signer("key").public_jwk(), fresh_signer("successor").public_jwk()


@pytest.fixture
def issuer() -> Issuer:
    return Issuer([KEY])


@pytest.fixture
def clock() -> Clock:
    return Clock(0.0)


@pytest.fixture
def source(issuer: Issuer, clock: Clock) -> JwksSource:
    return JwksSource(ISSUER, client=issuer.client(), now=clock)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def test_first_callers_share_one_fetch(source: JwksSource, issuer: Issuer) -> None:
    keys = await asyncio.gather(*(source.key("key") for _ in range(100)))
    assert all(key is keys[0] is not None for key in keys)
    assert issuer.key_fetches == 1


async def test_thousand_unknown_kids_cause_one_fetch(source: JwksSource, issuer: Issuer) -> None:
    await source.warm()
    found = [await source.key(f"kid-{n}") for n in range(500)]
    found += await asyncio.gather(*(source.key(f"kid-{n}") for n in range(500, 1000)))
    assert set(found) == {None}
    assert issuer.key_fetches == 2  # one to warm, one for all of them


async def test_thousand_unknown_kids_at_a_cold_start_cause_one_fetch(source: JwksSource, issuer: Issuer) -> None:
    await asyncio.gather(*(source.key(f"kid-{n}") for n in range(1000)))
    assert issuer.key_fetches == 1


async def test_new_key_is_found_at_once_by_all_who_ask(source: JwksSource, issuer: Issuer) -> None:
    await source.warm()
    generation = source.generation
    issuer.keys.append(SUCCESSOR)
    assert None not in await asyncio.gather(*(source.key("successor") for _ in range(20)))
    assert issuer.key_fetches == 2
    assert source.generation == generation + 1


async def test_after_an_unknown_kid_the_next_fetch_waits_for_the_cool_down(
    source: JwksSource, issuer: Issuer, clock: Clock
) -> None:
    await source.warm()
    assert await source.key("successor") is None
    issuer.keys.append(SUCCESSOR)
    clock.at = COOL_DOWN - 0.1
    assert await source.key("successor") is None
    clock.at = COOL_DOWN
    assert await source.key("successor") is not None


async def test_key_object_is_kept_over_a_refresh(source: JwksSource, issuer: Issuer, clock: Clock) -> None:
    before = await source.key("key")
    generation, clock.at = source.generation, TTL + 1
    assert await source.key("key") is before
    assert (issuer.key_fetches, source.generation) == (2, generation)
    assert issuer.asked.count(DISCOVERY) == 1


async def test_keys_are_refreshed_before_they_are_needed(source: JwksSource, issuer: Issuer, clock: Clock) -> None:
    await source.warm()
    issuer.gate = asyncio.Event()
    clock.at = REFRESH_AHEAD + 1
    assert await source.key("key") is not None  # nobody waits for the issuer
    issuer.gate.set()
    await _until(lambda: issuer.key_fetches == 2)


async def test_short_absence_of_the_issuer_is_not_noticed(source: JwksSource, issuer: Issuer, clock: Clock) -> None:
    await source.warm()
    issuer.away = True
    for clock.at in (TTL + 1, TTL + 2, STALE):
        assert await source.key("key") is not None
    assert source.ready()


async def test_keys_of_an_issuer_that_is_away_for_an_hour_are_not_trusted(
    source: JwksSource, issuer: Issuer, clock: Clock
) -> None:
    await source.warm()
    issuer.away = True
    clock.at = STALE + 1
    assert await source.key("key") is None
    assert not source.ready()
    issuer.away = False
    clock.at += 1
    assert await source.key("key") is not None


async def test_issuer_that_is_away_is_not_asked_for_every_token(source: JwksSource, issuer: Issuer, clock: Clock) -> None:
    await source.warm()
    issuer.away, clock.at = True, TTL + 1
    for _ in range(100):
        await source.key("key")
        await asyncio.sleep(0)
    assert len(issuer.asked) == 3  # discovery and keys to warm, then one failure


async def test_nobody_waits_for_an_issuer_that_failed_before(source: JwksSource, issuer: Issuer, clock: Clock) -> None:
    await source.warm()
    issuer.away, clock.at = True, TTL + 1
    await source.key("key")
    issuer.gate = asyncio.Event()
    clock.at += COOL_DOWN
    assert await asyncio.wait_for(source.key("key"), 1) is not None
    await _until(lambda: len(issuer.asked) == 4)
    await source.aclose()


async def test_warm_waits_for_an_issuer_that_starts_later(source: JwksSource, issuer: Issuer) -> None:
    issuer.away = True
    warming = asyncio.create_task(source.warm())
    await _until(lambda: bool(issuer.asked))
    assert not source.ready()
    issuer.away = False
    await asyncio.wait_for(warming, 5)
    assert source.ready()


async def test_caller_that_gives_up_does_not_stop_the_fetch_of_others(source: JwksSource, issuer: Issuer) -> None:
    issuer.gate = asyncio.Event()
    impatient, patient = (asyncio.create_task(source.key("key")) for _ in range(2))
    await _until(lambda: bool(issuer.asked))
    impatient.cancel()
    issuer.gate.set()
    assert await patient is not None


@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "http://other.test", "jwks_uri": CERTS},
        {"issuer": ISSUER},
        {"issuer": ISSUER, "jwks_uri": 1},
        [],
    ],
)
async def test_discovery_of_somebody_else_is_refused(source: JwksSource, issuer: Issuer, discovery: object) -> None:
    issuer.discovery = discovery
    assert await source.key("key") is None
    assert issuer.key_fetches == 0


@pytest.mark.parametrize("entry", [None, {}, {"kid": "key"}, {**KEY, "kid": 7}, {**KEY, "n": "é"}])
async def test_key_set_without_a_usable_key_is_a_failed_fetch(source: JwksSource, issuer: Issuer, entry: object) -> None:
    issuer.keys[:] = [entry]
    assert await source.key("key") is None
    assert not source.ready()


async def test_closing_stops_a_fetch_under_way(source: JwksSource, issuer: Issuer) -> None:
    issuer.gate = asyncio.Event()
    waiting = asyncio.create_task(source.key("key"))
    await _until(lambda: bool(issuer.asked))
    await source.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting
