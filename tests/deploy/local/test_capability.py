"""The capability record says what a broker cannot do."""

from __future__ import annotations

from deploy.local.capability import APACHE, EMBEDDED


def test_the_embedded_broker_names_its_limits_and_apache_has_none() -> None:
    assert "keeps nothing over a restart" in EMBEDDED.limits
    assert APACHE.limits == ""
