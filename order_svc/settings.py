"""The settings of order_svc."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from chassis import settings
from order_svc.domain.order import Deadlines

DAY_SECONDS = 86_400


class Settings(settings.Settings):
    """What every service needs, and how long an order may wait in each state, in seconds (domain.md, Order)."""

    deadline_backordered: int = Field(default=14 * DAY_SECONDS, ge=1)
    deadline_payment: int = Field(default=7 * DAY_SECONDS, ge=1)
    deadline_approval: int = Field(default=7 * DAY_SECONDS, ge=1)
    deadline_approval_margin: int = Field(default=3_600, ge=0)
    deadline_answer: int = Field(default=7 * DAY_SECONDS, ge=1)

    @property
    def deadlines(self) -> Deadlines:
        """The deadlines as the domain knows them."""
        return Deadlines(
            backordered=timedelta(seconds=self.deadline_backordered),
            payment=timedelta(seconds=self.deadline_payment),
            approval=timedelta(seconds=self.deadline_approval),
            approval_margin=timedelta(seconds=self.deadline_approval_margin),
            ours=timedelta(seconds=self.deadline_answer),
        )


def load() -> Settings:
    """Read the settings from the environment."""
    return Settings()
