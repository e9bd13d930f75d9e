"""The address and the token by which a command reaches the service that it serves itself."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from hydra_vertex.launcher.files.reading import TOKEN_FILE, read_text
from hydra_vertex.protocol.service_token import TOKEN_FILE as TOKEN_NAME

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - recognised, not listened on


def loopback_url(url: str) -> str:
    """Return the URL of a service of this machine: every address is also reached on loopback."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return f"http://{_EVERY_ADDRESS[host]}:{parts.port}" if host in _EVERY_ADDRESS else url


def token_in(folder: Path) -> str:
    """Return the token of the service of a folder. Raises OutputError when it cannot be read."""
    return read_text(folder.expanduser().resolve() / TOKEN_NAME, TOKEN_FILE).strip()
