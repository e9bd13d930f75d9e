"""Who may ask. The service runs commands, so only programs of this machine may reach it, and no web page.

Where it listens for other machines, or where a token is set, a request must carry it: `Authorization: Bearer TOKEN`.
"""

from __future__ import annotations

import asyncio
import re
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hydra_vertex.job.quoting import quoted
from hydra_vertex.service.access import is_loopback, require_token
from hydra_vertex.service.status import Refusal, Status

from .error_answer import answer_to

ENDING = Refusal(Status.UNAVAILABLE, "the service is ending; ask again when it has been started again")

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]+))(?::[0-9]*)?")


class Guard:
    """Middleware: refuses a request by another host's name (DNS rebinding), from a web page or without the token.

    With a token any host's name will do: a page in a browser does not know the token.
    """

    def __init__(self, app: ASGIApp, token: str | None = None) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in the application's place, or let it."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        try:
            require_no_page(headers, any_host=self._token is not None)
            require_token(headers.get("authorization", ""), self._token)
            require_readable_url(scope["raw_path"], scope["query_string"])
        except Refusal as refusal:
            return await _response(refusal)(scope, receive, send)
        return await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except asyncio.CancelledError:
            # So uvicorn ends what is not answered when its time to end is over.
            if not has_begun:
                await _response(ENDING)(scope, receive, send)


def _response(refusal: Refusal) -> JSONResponse:
    answer = answer_to(refusal, "")
    return JSONResponse(answer.body(), answer.status.http_code)


def require_no_page(headers: Headers, *, any_host: bool = False) -> None:
    """Raises Refusal (PERMISSION_DENIED) when a web page may have sent these headers."""
    host = headers.get("host", "")
    if not any_host and not _is_loopback(host):
        raise Refusal(
            Status.PERMISSION_DENIED,
            f"Host {quoted(host)}: the tuning service answers to localhost, 127.0.0.1 and [::1] only",
        )
    if "origin" in headers:
        origin = headers["origin"]
        raise Refusal(
            Status.PERMISSION_DENIED,
            f"Origin {quoted(origin)}: the tuning service does not answer to web pages",
        )
    # A page's images and scripts come without an Origin; `none` is an address that the user has typed.
    site = headers.get("sec-fetch-site", "none")
    if site != "none":
        raise Refusal(
            Status.PERMISSION_DENIED,
            f"Sec-Fetch-Site {quoted(site)}: the service does not answer to web pages",
        )


def require_readable_url(path: bytes, query: bytes) -> None:
    """Raises Refusal (INVALID_ARGUMENT) where the text behind the percent-encoding would have to be guessed."""
    for part, encoded in (("path", path), ("query", query)):
        try:
            unquote_to_bytes(encoded).decode()
        except UnicodeDecodeError as error:
            raise Refusal(Status.INVALID_ARGUMENT, f"the URL's {part} is not UTF-8 ({error.reason})") from error
        if bad := _BAD_ESCAPE.search(encoded):
            found = quoted(encoded[bad.start() : bad.start() + 3].decode("latin-1"))
            raise Refusal(Status.INVALID_ARGUMENT, f"the URL's {part} has {found} in it; write % as %25")


def _is_loopback(host: str) -> bool:
    """Whether a Host header, with or without a port, names this machine. No such name is resolved by anybody's DNS."""
    match = _HOST.fullmatch(host)
    return match is not None and is_loopback((match[1] or match[2]).lower())
