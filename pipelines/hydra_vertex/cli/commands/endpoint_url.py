"""The form of `--endpoint`, the address of a tuning service."""

from __future__ import annotations

from urllib.parse import urlsplit

from hydra_vertex.protocol.errors import CommandError


def require_url(endpoint: str | None, example: str) -> None:
    """Check that an endpoint, if there is one, is a URL. Raises CommandError with the example."""
    if not endpoint:
        return
    try:
        parts = urlsplit(endpoint)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, or a bracket of IPv6 that is not closed
        is_url = False
    if not is_url:
        raise CommandError(f"--endpoint {endpoint}: expected a URL, such as {example}")
