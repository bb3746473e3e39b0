"""Timers that are worked in the caller's thread."""

from __future__ import annotations

from chassis.application import Application
from chassis.timers import TimerWorker


def asked_in_turn(application: Application) -> Application:
    """Let its worker ask one question after the other, so that a step has ended whatever it began."""
    application.timers.close()
    application.timers = TimerWorker(application.service, application.blueprint.works, asking=1)
    return application
