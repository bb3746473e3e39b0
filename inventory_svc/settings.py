"""The settings of inventory_svc."""

from __future__ import annotations

from pydantic import Field

from chassis import settings


class Settings(settings.Settings):
    """What every service needs, and the one currency that all stock is valued in (ISO 4217)."""

    stock_currency: str = Field(default="EUR", pattern="^[A-Z]{3}$")


def load() -> Settings:
    """Read the settings from the environment."""
    return Settings()
