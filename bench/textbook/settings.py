"""What the reference's processes are told, by their environment (prefix TEXTBOOK_)."""

from __future__ import annotations

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where everything is; each process uses what it needs."""

    model_config = SettingsConfigDict(env_prefix="TEXTBOOK_", extra="ignore")

    database_url: SecretStr = SecretStr("")
    issuer: str = ""
    grpc_port: int = 0
    http_port: int = 0
    kafka: str = ""
