"""The settings of order_svc."""

from __future__ import annotations

from chassis import settings


class Settings(settings.Settings):
    """What every service needs; order_svc adds nothing yet."""


def load() -> Settings:
    """Read the settings from the environment."""
    return Settings()
