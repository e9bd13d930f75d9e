"""Decides whether a request may see the page or use its buttons. Pure.

The link has a random token. A page of another origin does not know it, and its requests are refused besides: their
Origin is another, and a name that a name server has turned to this machine (DNS rebinding) is no loopback name.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

HEADER = "x-hydra-vertex-token"
"""The header with the token of a request that changes something. A form of another page cannot set a header."""
QUERY = "page"
"""The name in the link. One such as `token` would be masked where the link is printed."""
_NAMES = ("127.0.0.1", "localhost", "[::1]")

Purpose = Literal["page", "data", "verb"]


@dataclass(frozen=True, slots=True)
class PageGate:
    """The rule of one page server, which listens on `port` of 127.0.0.1."""

    port: int
    token: str = field(repr=False)

    def refusal(self, purpose: Purpose, headers: Mapping[str, str], query: Mapping[str, str]) -> str:
        """Return why a request is refused; empty when it is allowed. The names of the headers are in lower case.

        A `page` is what a person opens, `data` what the page reads, and a `verb` changes something.
        """
        host = headers.get("host", "").lower()
        if host not in {f"{name}:{self.port}" for name in _NAMES}:
            return f"Host {host[:100]!r}: the page is served only under its own link, on 127.0.0.1"
        return self._of_origin(purpose, host, headers) or self._of_token(purpose, headers, query)

    def _of_origin(self, purpose: Purpose, host: str, headers: Mapping[str, str]) -> str:
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{host}":
            return f"Origin {origin[:100]!r}: requests of other pages are not answered"
        # A person may follow the link from anywhere, such as a terminal in a browser; all else is the page's own.
        is_opened = purpose == "page" and headers.get("sec-fetch-mode", "navigate") == "navigate"
        site = headers.get("sec-fetch-site", "none")
        if site not in {"none", "same-origin"} and not is_opened:
            return f"Sec-Fetch-Site {site[:100]!r}: requests of other pages are not answered"
        return ""

    def _of_token(self, purpose: Purpose, headers: Mapping[str, str], query: Mapping[str, str]) -> str:
        given = headers.get(HEADER, "") if purpose == "verb" else query.get(QUERY, "")
        if hmac.compare_digest(given.encode(), self.token.encode()):
            return ""
        return "the token is missing or wrong; open the link that the running command has printed"
