"""The verifier against every hostile token, with the realm's own issuer behind it."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from operator import attrgetter

import pytest

from chassis.auth import CACHE_SECONDS, IssuerUnavailable, TokenVerifier, Unauthenticated
from chassis.jwks import STALE, JwksSource
from chassis.world import Actor
from tests.chassis.issuer import ISSUER, Clock, Issuer
from tests.security.tokens import HONEST, HOSTILE, Case, Forge, fresh_signer

NOW = 1_800_000_000
SIGNER = fresh_signer("issuer-key")


@dataclasses.dataclass
class Bench:
    """A verifier, the issuer it trusts, and a forge that holds the issuer's key."""

    issuer: Issuer
    clock: Clock
    jwks: JwksSource
    verifier: TokenVerifier
    forge: Forge

    async def verify(self, token: str) -> Actor:
        return await self.verifier.verify(token)

    async def refusal(self, token: str) -> str:
        with pytest.raises(Unauthenticated) as refused:
            await self.verifier.verify(token)
        return refused.value.check


@pytest.fixture
def bench() -> Bench:
    issuer, clock = Issuer([SIGNER.public_jwk()]), Clock(NOW)
    jwks = JwksSource(ISSUER, client=issuer.client(), now=clock)
    verifier = TokenVerifier(issuer=ISSUER, audience="order-svc", jwks=jwks, now=clock)
    return Bench(issuer, clock, jwks, verifier, Forge(SIGNER, ISSUER, NOW))


@pytest.mark.parametrize("case", HOSTILE, ids=attrgetter("name"))
async def test_hostile_token_is_refused(bench: Bench, case: Case) -> None:
    await bench.jwks.warm()
    check = await bench.refusal(case.build(bench.forge))
    assert check
    assert bench.issuer.strange_requests == []


@pytest.mark.parametrize("case", HONEST, ids=attrgetter("name"))
async def test_honest_token_is_accepted(bench: Bench, case: Case) -> None:
    assert (await bench.verify(case.build(bench.forge))).username == "ops"


async def test_each_rule_refuses_under_its_own_name(bench: Bench) -> None:
    checks = {case.name: await bench.refusal(case.build(bench.forge)) for case in HOSTILE}
    expected = {
        "HS256 with the public key as PEM": "alg",
        "foreign key under the known kid": "signature",
        "jku offers a foreign key": "forbidden_header",
        "crit unknown": "forbidden_header",
        "kid 'unknown'": "kid",
        "expired 31 s ago": "expired",
        "exp as string": "exp",
        "lifetime of ten years": "lifetime",
        "iat 40 s ahead": "iat",
        "nbf 40 s ahead": "nbf",
        "iss with a slash": "iss",
        "aud account": "aud",
        "token type Refresh": "token_type",
        "azp 'account-console'": "azp",
        "jti absent": "jti",
        "repeated sub": "duplicate_key",
        "5 KB": "size",
        "header 1,400 levels deep": "header",
        "claims 1,400 levels deep": "claims",
    }
    assert {name: checks[name] for name in expected} == expected


async def test_principal_says_who_and_what(bench: Bench) -> None:
    changes = {
        "realm_access": {"roles": ["Ops", "offline_access", "default-roles-atlas-erp"]},
        "resource_access": {"atlas-gateway": {"roles": ["orders:read"]}, "account": {"roles": ["manage-account"]}},
    }
    principal = await bench.verify(bench.forge.token(None, **changes))
    assert principal == Actor(
        issuer=ISSUER,
        subject=bench.forge.subject,
        username="ops",
        client="atlas-cli",
        roles=frozenset({"Ops"}),
        scopes=frozenset({"orders:read"}),
        human=True,
    )
    assert principal.key == f"{ISSUER}|{bench.forge.subject}"


@pytest.mark.parametrize(
    ("client", "human"), [("atlas-web", True), ("atlas-cli", True), ("atlas-shop", False), ("atlas-svc-reporting", False)]
)
async def test_only_interactive_clients_speak_for_people(bench: Bench, client: str, human: bool) -> None:
    assert (await bench.verify(bench.forge.token(azp=client))).human is human


async def test_token_without_roles_has_no_scopes(bench: Bench) -> None:
    principal = await bench.verify(bench.forge.token(realm_access={}, resource_access={}))
    assert (principal.roles, principal.scopes) == (frozenset(), frozenset())


async def test_short_key_is_refused_though_the_issuer_publishes_it(bench: Bench) -> None:
    short = fresh_signer("short", 1024)
    bench.issuer.keys.append(short.public_jwk())
    assert await bench.refusal(bench.forge.signed_by(short, {"kid": "short"})) == "kid"


@pytest.mark.parametrize("change", [{"use": "enc"}, {"alg": "RSA-OAEP"}, {"kty": "oct"}, {"e": "AQ"}, {"n": "A"}, {"n": 5}])
async def test_key_for_other_purposes_is_refused(bench: Bench, change: dict[str, object]) -> None:
    other = fresh_signer("other")
    bench.issuer.keys.append({**other.public_jwk(), **change})
    assert await bench.refusal(bench.forge.signed_by(other, {"kid": "other"})) == "kid"


async def test_verified_token_is_remembered_for_a_minute_and_no_longer_than_it_lives(bench: Bench) -> None:
    checked = _count_signature_checks(bench)
    token = bench.forge.token()
    for after, expected in [(0, 1), (CACHE_SECONDS - 1, 1), (CACHE_SECONDS, 2), (299, 3), (299.5, 3), (300, 4), (329, 5)]:
        bench.clock.at = NOW + after
        await bench.verify(token)
        assert len(checked) == expected, after
    bench.clock.at = NOW + 330.0
    assert await bench.refusal(token) == "expired"


async def test_expired_token_is_accepted_for_less_than_thirty_seconds(bench: Bench) -> None:
    await bench.verify(bench.forge.token(iat=NOW - 300, exp=NOW - 29))
    assert await bench.refusal(bench.forge.token(iat=NOW - 300, exp=NOW - 30)) == "expired"


async def test_remembered_token_is_worth_nothing_once_the_keys_are_too_old(bench: Bench) -> None:
    await bench.jwks.warm()
    bench.issuer.away = True
    bench.clock.at = NOW + STALE
    token = bench.forge.token(iat=NOW + 3600, exp=NOW + 3900)
    await bench.verify(token)
    bench.clock.at += 1
    with pytest.raises(IssuerUnavailable):
        await bench.verify(token)


async def test_refused_token_is_not_remembered(bench: Bench) -> None:
    token = bench.forge.token(iat=NOW + 100, exp=NOW + 200)
    assert await bench.refusal(token) == "iat"
    bench.clock.at = NOW + 100.0
    await bench.verify(token)


async def test_memory_is_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.auth.CACHE_SIZE", 2)
    checked = _count_signature_checks(bench)
    first, second, third = (bench.forge.token() for _ in range(3))
    for token in (first, second, first, third, first):
        await bench.verify(token)
    assert len(checked) == 3
    await bench.verify(second)
    assert len(checked) == 4


async def test_token_of_a_withdrawn_key_is_forgotten_at_once(bench: Bench) -> None:
    old = bench.forge.token()
    await bench.verify(old)
    successor = fresh_signer("successor")
    bench.issuer.keys[:] = [successor.public_jwk()]
    await bench.verify(bench.forge.signed_by(successor, {"kid": "successor"}))
    assert await bench.refusal(old) == "kid"


async def test_nothing_can_be_judged_before_the_issuer_was_seen(bench: Bench) -> None:
    bench.issuer.away = True
    with pytest.raises(IssuerUnavailable):
        await bench.verify(bench.forge.token())
    assert not bench.verifier.ready()
    bench.issuer.away = False
    bench.clock.at += 1
    await bench.verify(bench.forge.token())
    assert bench.verifier.ready()


def _count_signature_checks(bench: Bench) -> list[str]:
    """Every look-up of a key is one check of a signature."""
    kids: list[str] = []
    find: Callable[[str], Awaitable[object]] = bench.jwks.key

    async def counted(kid: str) -> object:
        kids.append(kid)
        return await find(kid)

    bench.jwks.key = counted  # type: ignore[method-assign, assignment]
    return kids
