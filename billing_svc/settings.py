"""The settings of billing_svc."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, SecretStr

from billing_svc.domain.dunning import Offsets
from chassis import settings

SANDBOX_METHODS = (
    *("pm_ok", "pm_slow", "pm_declined_soft", "pm_soft_twice_then_ok", "pm_declined_hard", "pm_timeout_then_ok"),
    *("pm_timeout_then_declined", "pm_down", "pm_lost_then_arrives", "pm_duplicate_webhooks", "pm_wrong_amount"),
    *("pm_late_failure_after_success", "pm_wrong_currency", "pm_refund_fails", "pm_refund_slow"),
)


class Settings(settings.Settings):
    """What every service needs; where the payment provider is, what he takes, and what he signs with; when to try again.

    Timeouts are in seconds. `dunning` are the seconds after which a payment that was declined for now is tried again, each
    counted from the first attempt. Of `psp_webhook_secrets`, with commas between them, any may sign: two during a rotation.
    """

    psp_url: str = ""
    psp_key: SecretStr = SecretStr("sandbox-key")
    psp_connect_timeout: float = Field(default=1.0, gt=0)
    psp_timeout: float = Field(default=4.0, gt=0, le=20)
    psp_webhook_secrets: SecretStr = SecretStr("whsec_c2FuZGJveC13ZWJob29rLWtleS0x")
    psp_methods: tuple[str, ...] = SANDBOX_METHODS
    dunning: tuple[int, ...] = (3_600, 86_400, 3 * 86_400)

    @property
    def dunning_offsets(self) -> Offsets:
        """The times of further attempts as the domain knows them."""
        return tuple(timedelta(seconds=seconds) for seconds in self.dunning)


def load() -> Settings:
    """Read the settings from the environment."""
    return Settings()
