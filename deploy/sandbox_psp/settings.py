"""What the provider and its merchant must agree on: how webhooks are signed."""

from __future__ import annotations

import base64
from typing import Final

SECRETS_VARIABLE: Final = "ATLAS_PSP_WEBHOOK_SECRETS"
"""Names the secrets, `whsec_` and base64, separated by commas; every message is signed with each of them."""
DEFAULT_SECRETS: Final = f"whsec_{base64.b64encode(b'sandbox-webhook-key-1').decode()}"
"""For the development profile only: everybody knows it."""
