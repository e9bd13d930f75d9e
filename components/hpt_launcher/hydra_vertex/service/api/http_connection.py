"""One HTTP connection: who holds it without asking anything, or does not read the answer, loses it.

A connection costs a file descriptor before its token can be looked at, and trials need those too. What comes is read in
small pieces: a piece is parsed at once, and other connections wait for that.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

READ_BYTES = 8 << 10
"""At the most 1,400 chunks of a body, each of which takes h11 some 7 µs. asyncio reads 32 times as much by itself."""

HEADERS_LIMIT_BYTES = 32 << 10
"""A request's line and headers: room for the longest filter and read mask, with each character written as %XX."""


class TimedConnection(H11Protocol, asyncio.BufferedProtocol):
    """Closed when REQUEST_LIMIT_S have passed since it was made, or since its last answer, without an answer."""

    REQUEST_LIMIT_S: ClassVar[float] = 30.0
    CONNECTIONS_LIMIT: ClassVar[int] = 256

    _deadline: asyncio.TimerHandle | None = None

    def get_buffer(self, _sizehint: int) -> bytearray:
        """Where the next piece is read into; one for each connection, as each piece is copied by h11."""
        return self._piece

    def buffer_updated(self, nbytes: int) -> None:
        """Parse a piece."""
        self.data_received(bytes(self._piece[:nbytes]))

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for a request, unless there are CONNECTIONS_LIMIT others."""
        self._piece = bytearray(READ_BYTES)
        super().connection_made(transport)
        if len(self.connections) > self.CONNECTIONS_LIMIT:
            transport.abort()
        else:
            self._wait(transport)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        self._wait(self.transport)
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def _wait(self, transport: asyncio.Transport) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(self.REQUEST_LIMIT_S, transport.abort)
