"""The server of the live page: on a free port of 127.0.0.1, in a thread of the command, until the command ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from .app import create_app
from .gate import QUERY, PageGate
from .pages import Pages

if TYPE_CHECKING:
    import uvicorn

HOST = "127.0.0.1"
THREAD = "live page"
START_LIMIT_S = 10.0
END_LIMIT_S = 5.0
"""How long the command waits at its end until the readers have the last state."""
MOST_CONNECTIONS = 32
"""Requests above this number are answered with 503. A browser opens at most six connections."""
BACKLOG = 32
HEADERS_LIMIT_BYTES = 16 << 10
IDLE_CONNECTION_S = 15
UNREAD_LIMIT_S = 60

PagesOf = Callable[[str], Pages]
"""Returns the pages for the server's token."""


class PageServer:
    """A running server. `url` is the link for the user, which has the token. As a context manager it ends the server.

    `end_message` is what the page says when the command has ended.
    """

    def __init__(self, pages_of: PagesOf, end_message: str) -> None:
        """Start the server. Raises OSError when there is no free port, TimeoutError when it does not start."""
        token = secrets.token_urlsafe(24)
        self._listener = socket.create_server((HOST, 0), backlog=BACKLOG)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux: ends the connection of a browser that sleeps
            self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * UNREAD_LIMIT_S)
        port = self._listener.getsockname()[1]
        self.url = f"http://{HOST}:{port}/?{QUERY}={token}"
        self.end_message = end_message
        self._pages_of = pages_of
        self._token = token
        self._gate = PageGate(port, token)
        self._server: uvicorn.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
        self._thread.start()
        if not self._ready.wait(START_LIMIT_S):
            self._listener.close()
            raise TimeoutError(f"the live page does not start within {START_LIMIT_S:g} s")

    def __enter__(self) -> PageServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Bring the last state to the readers, and end the server within END_LIMIT_S."""
        if self._loop is not None and self._ended is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(END_LIMIT_S)
        self._listener.close()

    def _run(self) -> None:
        # The terminal belongs to the command, so what the server's library logs in this thread is left out.
        loggers = [logging.getLogger(name) for name in ("uvicorn.error", "asyncio")]
        for logger in loggers:
            logger.addFilter(_is_of_another_thread)
        try:
            asyncio.run(self._serve())
        finally:
            for logger in loggers:
                logger.removeFilter(_is_of_another_thread)

    async def _serve(self) -> None:
        import uvicorn

        pages = self._pages_of(self._token)
        config = uvicorn.Config(
            create_app(pages, self._gate),
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            h11_max_incomplete_event_size=HEADERS_LIMIT_BYTES,
            timeout_keep_alive=IDLE_CONNECTION_S,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        serving = asyncio.create_task(server.serve(sockets=[self._listener]))
        self._ready.set()
        ended = asyncio.create_task(self._ended.wait())
        await asyncio.wait({serving, ended}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(pages.end(self.end_message), END_LIMIT_S - 2)
        # The streams end by themselves after the last event.
        server.should_exit = True
        await serving


def _is_of_another_thread(record: logging.LogRecord) -> bool:
    return record.threadName != THREAD
