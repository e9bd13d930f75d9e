"""Who may ask. The service runs commands, so only programs of this machine may reach it, and no web page.

Where it listens for other machines, or where a token is set, a request must carry it: `Authorization: Bearer TOKEN`.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from .status import Refusal, Status, error_body
from .token import require_token

LOOPBACK_HOSTS = {"127.0.0.1", "localhost", "[::1]"}
BODY_LIMIT_BYTES = 1 << 20


class Guard:
    """Middleware: refuses a request by another host's name (DNS rebinding), from a web page or without the token.

    With a token any host's name will do: a page in a browser does not know the token.
    """

    def __init__(self, app: ASGIApp, token: str | None = None) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in the application's place, or let it."""
        if scope["type"] != "lifespan":
            headers = Headers(scope=scope)
            try:
                require_no_page(headers, any_host=self._token is not None)
                require_token(headers.get("authorization", ""), self._token)
            except Refusal as refusal:
                body = error_body(refusal.status, str(refusal))
                await JSONResponse(body, refusal.status.http_code)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def require_no_page(headers: Headers, *, any_host: bool = False) -> None:
    """Raises Refusal (PERMISSION_DENIED) when a web page may have sent these headers."""
    host = headers.get("host", "")
    name = host[: host.find("]") + 1] if host.startswith("[") else host.split(":")[0]
    if not any_host and name.lower() not in LOOPBACK_HOSTS:
        names = ", ".join(sorted(LOOPBACK_HOSTS))
        raise Refusal(Status.PERMISSION_DENIED, f"Host {host!r}: the tuning service answers to {names} only")
    if "origin" in headers:
        origin = headers["origin"]
        raise Refusal(Status.PERMISSION_DENIED, f"Origin {origin!r}: the tuning service does not answer to web pages")


async def read_body(request: Request) -> bytes:
    """The body of a request. Raises Refusal as soon as it is more than BODY_LIMIT_BYTES."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT_BYTES:
            raise Refusal(Status.INVALID_ARGUMENT, f"the request's body is more than {BODY_LIMIT_BYTES} bytes")
    return bytes(body)
