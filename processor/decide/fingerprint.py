"""What was sent, told apart without being told: an HMAC under the API secret, for a plain hash is personal data."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any


def fingerprint(payload: Mapping[str, Any], secret: bytes) -> str:
    """Return 32 hex digits of HMAC-SHA256 over the canonical JSON of a payload."""
    text = json.dumps(payload, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()[:32]
