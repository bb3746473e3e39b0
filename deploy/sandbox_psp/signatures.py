"""Signs messages by Standard Webhooks: with every secret there is, so that a receiver may know the old or the new one."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import SecretStr
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook


class Signer:
    """Holds the secrets. ValueError, which does not show them, where one is malformed."""

    def __init__(self, secrets: SecretStr) -> None:
        try:
            self._webhooks = [Webhook(secret.strip()) for secret in secrets.get_secret_value().split(",")]
        except (ValueError, EmptyWebhookSecretError):
            raise ValueError("a webhook secret is whsec_ and base64, several are separated by commas") from None

    def headers(self, message_id: str, body: str, now: float) -> dict[str, str]:
        """Return the headers of one delivery at `now`, seconds since the epoch."""
        sent = datetime.fromtimestamp(int(now), UTC)  # the library takes whatever it gets for UTC
        return {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now)),
            "webhook-signature": " ".join(webhook.sign(message_id, sent, body) for webhook in self._webhooks),
        }
