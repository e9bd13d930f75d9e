"""An HTTP connection with limits: it is closed when the client sends no request or does not read the answer in time.

Data is read in small pieces, because other connections wait while a piece is parsed.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from hydra_vertex.protocol import json
from hydra_vertex.service.access.connection import ClientOf
from hydra_vertex.service.status import Status, error_body

from .connection_limits import LIMITS, ConnectionLimits
from .request_guard import CLIENT

READ_BYTES = 8 << 10
"""At most 1,400 chunks of a body, which h11 parses in about 7 µs each. asyncio's default is 32 times as large."""

HEADERS_LIMIT_BYTES = 32 << 10
"""Limit of a request's line and headers: the longest filter and read mask fit with every character as %XX."""


class TimedConnection(H11Protocol, asyncio.BufferedProtocol):
    """An HTTP/1.1 connection, closed when it had no answer for `limits.request_s` since its start or last answer."""

    limits: ClassVar[ConnectionLimits] = LIMITS

    _deadline: asyncio.TimerHandle | None = None
    _is_refused = False
    _is_half_closed = False

    def get_buffer(self, _sizehint: int) -> bytearray:
        """Return the buffer for the next piece. It can be reused, because h11 copies each piece."""
        return self._piece

    def buffer_updated(self, nbytes: int) -> None:
        """Parse a piece."""
        if not self._is_refused:
            self.data_received(bytes(self._piece[:nbytes]))

    def send_400_response(self, msg: str) -> None:
        """Answer invalid HTTP with an error in Google's format, and ignore all further data.

        Closing at once would reset the connection, and the client could lose the answer before it reads it.
        """
        self._is_refused = True
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return self.transport.abort()
        self.transport.write(_refusal(self.conn, msg))
        try:
            self.transport.write_eof()
        except OSError:
            self.transport.abort()  # The client has closed the connection.
        return None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Start the time limit of the first request, or close the connection beyond `limits.connections`."""
        self._piece = bytearray(READ_BYTES)
        super().connection_made(transport)
        self.app_state = {**self.app_state, CLIENT: ClientOf(transport.get_extra_info("socket"))}
        if len(self.connections) > self.limits.connections:
            transport.abort()
        else:
            self._wait(transport)

    def on_response_complete(self) -> None:
        """Start the time limit of the next request, or close the connection when the client can send none."""
        self._wait(self.transport)
        super().on_response_complete()
        if self._is_half_closed and self.cycle.response_complete:
            self.transport.close()

    def eof_received(self) -> bool:  # type: ignore[override]  # as in asyncio
        """Return True, which keeps the connection open, when the client has sent a request and waits for the answer."""
        cycle = self.cycle
        is_asked = cycle is not None and not (cycle.more_body or cycle.response_complete)
        self._is_half_closed = is_asked and not self._is_refused
        return self._is_half_closed

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the time limit."""
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def _wait(self, transport: asyncio.Transport) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(self.limits.request_s, transport.abort)


def _refusal(connection: h11.Connection, problem: str) -> bytes:
    limit = f"the limit of a request's line and headers is {HEADERS_LIMIT_BYTES} bytes"
    body = json.dumps(error_body(Status.INVALID_ARGUMENT, f"{problem} ({limit})")).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close"}
    events = (
        h11.Response(status_code=400, headers=list(headers.items()), reason="Bad Request"),
        h11.Data(data=body),
        h11.EndOfMessage(),
    )
    return b"".join(connection.send(event) or b"" for event in events)
