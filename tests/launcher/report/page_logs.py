"""Reads the logs that are packed in a report, as its script does."""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any


def page_logs(page: str) -> dict[str, Any]:
    """Return `ends` by the trial's id, and `leftOut`; empty for a page without logs."""
    data = re.search(r'id="report-data">(.*?)</script>', page)
    assert data is not None
    packed = json.loads(data[1])["sections"].get("logs", {}).get("data", {}).get("packed", "")
    return unpacked(packed) if packed else {}


def unpacked(packed: str) -> dict[str, Any]:
    """Return the content of a packed text."""
    found: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(packed)))
    return found
