"""Runs the HTTP server of the service until SIGTERM or Ctrl-C, on 127.0.0.1 or, with a token, on another address."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.service.devices.capacity import Capacity, capacity_of
from hydra_vertex.service.devices.gpus import find_gpus
from hydra_vertex.service.devices.resource_options import DEFAULT_RESOURCES, ResourceOptions
from hydra_vertex.service.system.folder_lock import FolderLock
from hydra_vertex.service.system.open_files import raise_file_limit

from .access import TOKEN_VARIABLE, is_loopback
from .address import LOOPBACK, Address
from .announcement import publish, require_unserved, withdraw
from .folder import ServiceFolder
from .throttled_log import ThrottledHandler

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette

    from hydra_vertex.service.jobs.job_counts import JobCounts

REQUEST_GRACE_S = 2
BACKLOG = 128
"""Listen backlog. Without free file descriptors asyncio calls accept(), and fails, this many times in a row."""
SWITCH_INTERVAL_S = 0.001
"""Thread switch interval, a fifth of Python's default: the event loop waits less for the GIL of computing threads."""


def serve(
    directory: Path,
    address: Address,
    announce: Callable[[str], None],
    *,
    until_stdin_closes: bool = False,
    resources: ResourceOptions = DEFAULT_RESOURCES,
    counts: JobCounts | None = None,
) -> None:
    """Serve the jobs of a folder until SIGTERM, SIGINT or, with `until_stdin_closes`, the end of stdin.

    `counts` are new trial counts of the tuning jobs that the folder has already.

    `announce` is called with one line for REST and one for gRPC. Trials that still run are ended, and the next service
    on the folder runs them again. Raises UserError when a port is in use, another service serves the folder, `address`
    has a host other than loopback but no token, or the GPUs cannot provide `resources`, OutputError when the folder
    cannot be used.
    """
    if not is_loopback(address.host) and address.token is None:
        raise UserError(
            f"--host {address.host}: every client of the service can run commands on this machine, so a host other "
            f"than {LOOPBACK} needs a token: give --token-file FILE, or set {TOKEN_VARIABLE}"
        )
    capacity = capacity_of(resources, find_gpus(os.environ))
    folder = ServiceFolder(directory.expanduser().resolve())
    with contextlib.ExitStack() as stack:
        lock = FolderLock(folder.lock)
        stack.callback(lock.release)
        require_unserved(folder)
        listener = stack.enter_context(_listen(address.host, address.port, "--port"))
        if address.grpc_port is not None:
            _listen(LOOPBACK, address.grpc_port, "--grpc-port").close()
        url = f"http://{_url_host(address.host)}:{listener.getsockname()[1]}"
        lock.sign(os.getpid(), url)
        stack.callback(withdraw, folder)

        def announce_here(grpc_address: str | None) -> None:
            publish(folder, url, grpc_address)
            announce(f"listening on {url}")
            if grpc_address is not None:
                announce(f"listening on {grpc_address} (gRPC, plaintext)")

        _run(folder, address, capacity, listener, announce_here, until_stdin_closes, counts)


def _run(
    folder: ServiceFolder,
    address: Address,
    capacity: Capacity,
    listener: socket.socket,
    announce: Callable[[str | None], None],
    until_stdin_closes: bool,
    counts: JobCounts | None,
) -> None:
    import uvicorn

    from hydra_vertex.service.api.rest import create_app
    from hydra_vertex.service.jobs.store import Store
    from hydra_vertex.service.system.clock import now

    from .life import ServiceLife

    raise_file_limit()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    line = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.WARNING, format=line, handlers=[ThrottledHandler()])
    store = Store(folder)
    if counts is not None:
        store.set_counts(counts, now())
    life = ServiceLife(folder, store, capacity, address, announce)
    server = life.server = uvicorn.Server(_configured(create_app(life.lifespan, address.token)))
    if until_stdin_closes:
        threading.Thread(target=_stop_at_end_of_stdin, args=(server,), daemon=True).start()
    with contextlib.closing(store), _quiet_signals():
        try:
            server.run(sockets=[listener])
        except SystemExit:
            # uvicorn raises it after a failed startup.
            if life.failure is None:
                raise
    if life.failure is not None:
        raise life.failure


def _configured(app: Starlette) -> uvicorn.Config:
    import uvicorn

    from hydra_vertex.service.api.http_connection import HEADERS_LIMIT_BYTES, TimedConnection

    return uvicorn.Config(
        app,
        http=TimedConnection,
        h11_max_incomplete_event_size=HEADERS_LIMIT_BYTES,
        ws="none",
        backlog=BACKLOG,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=REQUEST_GRACE_S,
    )


def _stop_at_end_of_stdin(server: uvicorn.Server) -> None:
    with contextlib.suppress(OSError):
        # Not through sys.stdin: the interpreter acquires its lock at exit, and would wait for this read.
        while os.read(sys.stdin.fileno(), 1024):
            pass
    server.should_exit = True


@contextlib.contextmanager
def _quiet_signals() -> Iterator[None]:
    """Ignore the stop signals outside uvicorn, which raises the signal that stopped it again for the old handler."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _url_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _listen(host: str, port: int, option: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is explicit because asyncio sets TCP_NODELAY only on sockets created with IPPROTO_TCP: without it
    # the second answer over a connection waits 40 ms for the client's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise UserError(f"port {port} of {host} cannot be used ({error}); {option} 0 selects a free one") from error
    return listener
