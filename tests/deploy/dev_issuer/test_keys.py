"""The signing keys: private to their owner, the same after a restart, and two of them after a rotation."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from deploy.dev_issuer.keys import CURRENT, PREVIOUS, KeyRing
from tests.security.tokens import signer_of


def test_key_is_readable_by_its_owner_only_and_survives_a_restart(tmp_path: Path) -> None:
    first = KeyRing(tmp_path / "home")
    assert stat.S_IMODE((tmp_path / "home" / CURRENT).stat().st_mode) == 0o600
    assert KeyRing(tmp_path / "home").jwks() == first.jwks()


def test_rotation_publishes_the_new_key_and_the_one_before(tmp_path: Path) -> None:
    keys = KeyRing(tmp_path)
    kids = [keys.current.kid]
    for _ in range(2):
        keys.rotate()
        kids.append(keys.current.kid)
    assert len(set(kids)) == 3
    assert [key["kid"] for key in keys.jwks()["keys"]] == [kids[2], kids[1]]
    assert KeyRing(tmp_path).jwks() == keys.jwks()
    assert stat.S_IMODE((tmp_path / PREVIOUS).stat().st_mode) == 0o600


def test_rotation_that_was_cut_short_is_finished_at_the_next_start(tmp_path: Path) -> None:
    before = KeyRing(tmp_path).current.kid
    (tmp_path / CURRENT).replace(tmp_path / PREVIOUS)
    assert [key["kid"] for key in KeyRing(tmp_path).jwks()["keys"]][1] == before


def test_published_key_has_no_private_part(tmp_path: Path) -> None:
    (published,) = KeyRing(tmp_path).jwks()["keys"]
    assert published.keys() == {"kid", "kty", "alg", "use", "n", "e"}
    assert published == signer_of(tmp_path).public_jwk()


def test_broken_key_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / CURRENT).write_text("not a key")
    with pytest.raises(ValueError, match=r"."):
        KeyRing(tmp_path)
