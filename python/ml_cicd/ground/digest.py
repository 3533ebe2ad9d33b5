"""One digest for plain data: the same meaning gives the same text on every machine."""

import hashlib
import json


def canonical_digest(value: object) -> str:
    """Return `sha256:<hex>` over JSON with sorted keys and no spaces; NaN is refused."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
