"""The settings of workflow_svc."""

from __future__ import annotations

from chassis import settings as chassis_settings


class Settings(chassis_settings.Settings):
    """What every service needs; workflow_svc needs no more, since its rules are policies in its database."""


def load() -> Settings:
    """Read the settings from the environment."""
    return Settings()
