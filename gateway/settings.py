"""Every setting of the gateway, read from the environment (prefix ATLAS_)."""

from __future__ import annotations

from typing import Self

from limits import RateLimitItem, parse
from pydantic import Field, field_validator, model_validator

from chassis.settings import Settings

_DEV_LIMIT = "10000000/minute"
_ADDRESS_LIMIT = "1200/minute"
_PRINCIPAL_LIMIT = "600/minute"


class GatewaySettings(Settings):
    """What the gateway needs beside the settings of every process.

    `upstreams` maps the name of a service to host:port of its gRPC port. Rate limits are written as `600/minute`; by
    default they are high in the dev profile. `allowed_hosts` are the values of Host that are served, without port.
    """

    http_host: str = "127.0.0.1"
    http_port: int = 8080
    upstreams: dict[str, str] = Field(default_factory=dict)
    allowed_hosts: frozenset[str] = frozenset({"127.0.0.1", "localhost", "[::1]"})
    address_limit: str = ""
    principal_limit: str = ""

    @field_validator("address_limit", "principal_limit")
    @classmethod
    def _readable(cls, text: str) -> str:
        if text:
            parse(text)
        return text

    @model_validator(mode="after")
    def _limits_by_profile(self) -> Self:
        self.address_limit = self.address_limit or (_DEV_LIMIT if self.is_dev else _ADDRESS_LIMIT)
        self.principal_limit = self.principal_limit or (_DEV_LIMIT if self.is_dev else _PRINCIPAL_LIMIT)
        return self

    @property
    def per_address(self) -> RateLimitItem:
        """The limit for one client address."""
        return parse(self.address_limit)

    @property
    def per_principal(self) -> RateLimitItem:
        """The limit for one caller."""
        return parse(self.principal_limit)
