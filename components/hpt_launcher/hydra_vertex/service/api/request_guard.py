"""Access control of HTTP requests. The service runs commands, so web pages and other machines must not use it.

A request is answered when its connection is one of the service's user, or when it has the service's token. A service
with a given token, as other machines need it, requires the token of every request.
"""

from __future__ import annotations

import asyncio
import re
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hydra_vertex.job.quoting import quoted
from hydra_vertex.service.access.connection import ClientOf
from hydra_vertex.service.access.gate import Gate
from hydra_vertex.service.access.hosts import is_loopback
from hydra_vertex.service.status import Refusal, Status

from .error_answer import answer_to
from .request_threads import in_thread

CLIENT = "client_of_connection"
"""The key of a connection's `ClientOf` in the state of its requests."""
STOPPING = Refusal(Status.UNAVAILABLE, "the service is stopping; try again when it has been started again")

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]+))(?::[0-9]*)?")


class Guard:
    """ASGI middleware that refuses requests with another Host (DNS rebinding), from a web page or of another user.

    With the token any Host is accepted, because a web page does not know the token.
    """

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it to the application."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        has_started = False

        async def send_and_note(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._answer(scope, receive, send_and_note)
        except asyncio.CancelledError:
            # uvicorn cancels the requests that are not answered when its shutdown timeout is over.
            if not has_started:
                await _response(STOPPING)(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._require_access(scope, Headers(scope=scope))
            require_readable_url(scope["raw_path"], scope["query_string"])
        except Refusal as refusal:
            return await _response(refusal)(scope, receive, send)
        return await self._app(scope, receive, send)

    async def _require_access(self, scope: Scope, headers: Headers) -> None:
        authorization = headers.get("authorization", "")
        has_token = self._gate.has_token(authorization)
        require_no_page(headers, any_host=has_token or not self._gate.serves_own_user)
        if not has_token:
            self._gate.require_owner(await _owner(scope), authorization)


async def _owner(scope: Scope) -> int | None:
    client = scope.get("state", {}).get(CLIENT)
    if not isinstance(client, ClientOf):
        return None
    return client.owner() if client.is_looked_up else await in_thread(client.owner)


def _response(refusal: Refusal) -> JSONResponse:
    answer = answer_to(refusal, "")
    return JSONResponse(answer.body(), answer.status.http_code)


def require_no_page(headers: Headers, *, any_host: bool = False) -> None:
    """Check that no web page can have sent the request. Raises Refusal (PERMISSION_DENIED).

    `any_host` accepts every Host header; otherwise it must be a loopback name.
    """
    host = headers.get("host", "")
    if not any_host and not _is_loopback(host):
        raise Refusal(
            Status.PERMISSION_DENIED,
            f"Host {quoted(host)}: the tuning service accepts only localhost, 127.0.0.1 and [::1]",
        )
    if "origin" in headers:
        origin = headers["origin"]
        raise Refusal(
            Status.PERMISSION_DENIED,
            f"Origin {quoted(origin)}: the tuning service does not answer requests of web pages",
        )
    # A page's requests for images and scripts have no Origin; `none` means an address that the user has entered.
    site = headers.get("sec-fetch-site", "none")
    if site != "none":
        raise Refusal(
            Status.PERMISSION_DENIED,
            f"Sec-Fetch-Site {quoted(site)}: the tuning service does not answer requests of web pages",
        )


def require_readable_url(path: bytes, query: bytes) -> None:
    """Check the percent-encoding. Raises Refusal (INVALID_ARGUMENT) when it is malformed or not UTF-8."""
    for part, encoded in (("path", path), ("query", query)):
        try:
            unquote_to_bytes(encoded).decode()
        except UnicodeDecodeError as error:
            raise Refusal(Status.INVALID_ARGUMENT, f"the URL's {part} is not UTF-8 ({error.reason})") from error
        if bad := _BAD_ESCAPE.search(encoded):
            found = quoted(encoded[bad.start() : bad.start() + 3].decode("latin-1"))
            raise Refusal(Status.INVALID_ARGUMENT, f"the URL's {part} contains {found}; write % as %25")


def _is_loopback(host: str) -> bool:
    """Whether a Host header, with or without a port, names loopback. No name server can redirect such a name."""
    match = _HOST.fullmatch(host)
    return match is not None and is_loopback((match[1] or match[2]).lower())
