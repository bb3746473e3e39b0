"""What a service subscribes to."""

from __future__ import annotations

import importlib
from collections.abc import Collection

from google.protobuf.message import Message

from order_svc.domain.order import Deadlines


def subscribed_by(package: str) -> Collection[type[Message]]:
    """Return the payloads that a service reads; how an order reacts depends on its deadlines, to what does not."""
    reactions = importlib.import_module(f"{package}.reactions")
    found: Collection[type[Message]] = (
        reactions.subscriptions(Deadlines()) if package == "order_svc" else reactions.SUBSCRIPTIONS
    )
    return found
