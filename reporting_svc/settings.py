"""The settings of reporting_svc."""

from __future__ import annotations

from chassis import settings as chassis_settings


class Settings(chassis_settings.Settings):
    """What every service needs; reporting_svc needs no more."""


def load() -> Settings:
    """Read the settings from the environment."""
    return Settings()
