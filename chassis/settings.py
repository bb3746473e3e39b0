"""Every setting of a service process, read from the environment (prefix ATLAS_)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What every service process needs; a service adds its own fields in its settings.py.

    URLs never name localhost. Times are in seconds, sizes in items.
    """

    model_config = SettingsConfigDict(env_prefix="ATLAS_", extra="ignore")

    profile: Literal["dev", "production"] = "production"
    database_url: SecretStr = SecretStr("")
    migrator_url: SecretStr = SecretStr("")
    kafka_bootstrap: str = ""
    kafka_provider: Literal["embedded", "apache"] = "apache"
    kafka_partitions: int = Field(default=6, ge=1)
    redis_url: str = ""
    oidc_issuer: str = ""
    grpc_port: int = 0
    admin_port: int = 0
    log_level: str = "INFO"
    page_token_secret: SecretStr = SecretStr("dev-page-token-secret")

    batch_commands: int = Field(default=64, ge=1)
    queue_commands: int = Field(default=2_000, ge=1)
    batch_events: int = Field(default=500, ge=1)
    pool_size: int = Field(default=8, ge=2)

    @property
    def is_dev(self) -> bool:
        """Whether this is the sandbox profile, with its clock, rewind and reflection."""
        return self.profile == "dev"
