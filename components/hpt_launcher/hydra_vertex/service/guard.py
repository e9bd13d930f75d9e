"""Who may ask. The service runs commands, so only programs of this machine may reach it, and no web page."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from .status import Refusal, Status, error_body

LOOPBACK_HOSTS = {"127.0.0.1", "localhost", "[::1]"}
BODY_LIMIT_BYTES = 1 << 20


class LoopbackGuard:
    """Middleware: refuses a request that came by another host's name (DNS rebinding) or from a web page (`Origin`)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in the application's place, or let it."""
        if scope["type"] != "lifespan" and (problem := problem_of(Headers(scope=scope))):
            status = Status.PERMISSION_DENIED
            await JSONResponse(error_body(status, problem), status.http_code)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def problem_of(headers: Headers) -> str | None:
    """Why a request with these headers is refused; None when it is not."""
    host = headers.get("host", "")
    name = host[: host.find("]") + 1] if host.startswith("[") else host.split(":")[0]
    if name.lower() not in LOOPBACK_HOSTS:
        return f"Host {host!r}: the tuning service answers to {', '.join(sorted(LOOPBACK_HOSTS))} only"
    if "origin" in headers:
        return f"Origin {headers['origin']!r}: the tuning service does not answer to web pages"
    return None


async def read_body(request: Request) -> bytes:
    """The body of a request. Raises Refusal as soon as it is more than BODY_LIMIT_BYTES."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT_BYTES:
            raise Refusal(Status.INVALID_ARGUMENT, f"the request's body is more than {BODY_LIMIT_BYTES} bytes")
    return bytes(body)
