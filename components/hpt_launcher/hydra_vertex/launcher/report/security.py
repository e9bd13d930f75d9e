"""The page's content security policy, and JSON that cannot end the script element that contains it. Pure."""

from __future__ import annotations

import base64
import hashlib
import json

from hydra_vertex.protocol.json import Json


def security_policy(*scripts: str, is_live: bool = False) -> str:
    """Return a policy that allows only the given scripts, and no network access but a live page's to its own server.

    Plotly sets the styles of its elements, which needs 'unsafe-inline' for style-src.
    """
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in scripts)
    connect = "connect-src 'self'; " if is_live else ""
    return (
        f"default-src 'none'; script-src {hashes}; {connect}style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def script_json(value: Json) -> str:
    """Return JSON that cannot end the script element that contains it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
