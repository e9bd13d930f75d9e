"""One HTTP connection: who holds it without asking anything, or does not read the answer, loses it.

What comes is read in small pieces: a piece is parsed at once, and other connections wait for that.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from hydra_vertex.protocol import json
from hydra_vertex.service.status import Status, error_body

from .connection_limits import LIMITS, ConnectionLimits

READ_BYTES = 8 << 10
"""At the most 1,400 chunks of a body, each of which takes h11 some 7 µs. asyncio reads 32 times as much by itself."""

HEADERS_LIMIT_BYTES = 32 << 10
"""A request's line and headers: room for the longest filter and read mask, with each character written as %XX."""


class TimedConnection(H11Protocol, asyncio.BufferedProtocol):
    """Closed when `limits.request_s` have passed since it was made, or since its last answer, without an answer."""

    limits: ClassVar[ConnectionLimits] = LIMITS

    _deadline: asyncio.TimerHandle | None = None
    _is_refused = False
    _is_half_closed = False

    def get_buffer(self, _sizehint: int) -> bytearray:
        """Where the next piece is read into; one for each connection, as each piece is copied by h11."""
        return self._piece

    def buffer_updated(self, nbytes: int) -> None:
        """Parse a piece."""
        if not self._is_refused:
            self.data_received(bytes(self._piece[:nbytes]))

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP in Google's form, and pass over what else comes.

        To close at once would reset the connection, and the client might lose the answer before it has read it.
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
            self.transport.abort()  # The client has gone.
        return None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for a request, unless there are `limits.connections` others."""
        self._piece = bytearray(READ_BYTES)
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            transport.abort()
        else:
            self._wait(transport)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request, unless no more can come."""
        self._wait(self.transport)
        super().on_response_complete()
        if self._is_half_closed and self.cycle.response_complete:
            self.transport.close()

    def eof_received(self) -> bool:  # type: ignore[override]  # True keeps the connection, as asyncio has it
        """Keep the connection of a client that has asked and says no more, until it has its answer."""
        cycle = self.cycle
        is_asked = cycle is not None and not (cycle.more_body or cycle.response_complete)
        self._is_half_closed = is_asked and not self._is_refused
        return self._is_half_closed

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def _wait(self, transport: asyncio.Transport) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(self.limits.request_s, transport.abort)


def _refusal(connection: h11.Connection, problem: str) -> bytes:
    limit = f"a request's line and headers have {HEADERS_LIMIT_BYTES} bytes at most"
    body = json.dumps(error_body(Status.INVALID_ARGUMENT, f"{problem} ({limit})")).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close"}
    events = (
        h11.Response(status_code=400, headers=list(headers.items()), reason="Bad Request"),
        h11.Data(data=body),
        h11.EndOfMessage(),
    )
    return b"".join(connection.send(event) or b"" for event in events)
