"""The settings of billing_svc."""

from __future__ import annotations

from pydantic import Field, SecretStr

from chassis import settings


class Settings(settings.Settings):
    """What every service needs, and where the payment provider is. Timeouts are in seconds."""

    psp_url: str = ""
    psp_key: SecretStr = SecretStr("sandbox-key")
    psp_connect_timeout: float = Field(default=1.0, gt=0)
    psp_timeout: float = Field(default=4.0, gt=0, le=20)


def load() -> Settings:
    """Read the settings from the environment."""
    return Settings()
