"""Listens on 127.0.0.1 until SIGTERM or Ctrl-C."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.trial.protocol import json
from hydra_vertex.trial.protocol.errors import UserError
from hydra_vertex.trial.protocol.files import write_atomic

from .devices.capacity import Capacity, capacity_of
from .devices.gpus import find_gpus
from .devices.options import NO_WISHES, ResourceOptions
from .folder import ServiceFolder
from .lock import FolderLock

if TYPE_CHECKING:
    import uvicorn

HOST = "127.0.0.1"
REQUEST_GRACE_S = 2


def serve(
    directory: Path,
    port: int,
    announce: Callable[[str], None],
    *,
    until_stdin_closes: bool = False,
    resources: ResourceOptions = NO_WISHES,
) -> None:
    """Serve the jobs of a folder until SIGTERM, SIGINT or, when that is asked for, the end of stdin.

    Port 0 takes a free one; `announce` gets the line that names it. Trials that run at the end are ended, and run again
    by the next service on the folder. Raises UserError when the port is taken, the folder is served already or the GPUs
    have no room for what `resources` asks for, OutputError when the folder cannot be used.
    """
    capacity = capacity_of(resources, find_gpus(os.environ))
    folder = ServiceFolder(directory.expanduser().resolve())
    with contextlib.ExitStack() as stack:
        lock = FolderLock(folder.lock)
        stack.callback(lock.release)
        listener = stack.enter_context(_listen(port))
        url = f"http://{HOST}:{listener.getsockname()[1]}"
        lock.sign(os.getpid(), url)
        stack.callback(folder.announcement.unlink, missing_ok=True)

        def announce_here() -> None:
            write_atomic(folder.announcement, json.dumps({"pid": os.getpid(), "url": url}))
            announce(f"listening on {url}")

        _run(folder, capacity, listener, announce_here, until_stdin_closes)


def _run(
    folder: ServiceFolder,
    capacity: Capacity,
    listener: socket.socket,
    announce: Callable[[], None],
    until_stdin_closes: bool,
) -> None:
    import uvicorn
    from starlette.applications import Starlette

    from .api import create_app
    from .engine import Engine
    from .store import Store

    store = Store(folder.database)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        engine = Engine(folder, store, capacity)
        app.state.engine = engine
        engine.resume()
        announce()
        try:
            yield
        finally:
            await engine.stop()

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    config = uvicorn.Config(
        create_app(lifespan),
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=REQUEST_GRACE_S,
    )
    server = uvicorn.Server(config)
    if until_stdin_closes:
        threading.Thread(target=_stop_at_end_of_stdin, args=(server,), daemon=True).start()
    with contextlib.closing(store), _quiet_signals():
        server.run(sockets=[listener])


def _stop_at_end_of_stdin(server: uvicorn.Server) -> None:
    with contextlib.suppress(OSError):
        while sys.stdin.buffer.read(1024):
            pass
    server.should_exit = True


@contextlib.contextmanager
def _quiet_signals() -> Iterator[None]:
    """Uvicorn raises the signal that ended it once more, for whoever handled it before: nobody here."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(port: int) -> socket.socket:
    # Said outright, because asyncio sends small answers at once (TCP_NODELAY) only over sockets that name TCP: without
    # it the second answer over a connection waits 40 ms for the client's acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise UserError(f"port {port} of {HOST} cannot be used ({error}); --port 0 takes a free one") from error
    return listener
