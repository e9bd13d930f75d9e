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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.private_files import private_files
from hydra_vertex.protocol.service_token import TOKEN_VARIABLE
from hydra_vertex.service.devices.capacity import capacity_of
from hydra_vertex.service.devices.gpus import find_gpus
from hydra_vertex.service.devices.resource_options import DEFAULT_RESOURCES, ResourceOptions
from hydra_vertex.service.system.folder_lock import FolderLock, unusable
from hydra_vertex.service.system.open_files import raise_file_limit
from hydra_vertex.service.trials.engines.options import (
    THIS_MACHINE_OPTIONS,
    EngineOptions,
    make_engine,
    require_resources_apply,
)

from .access.gate import Gate
from .access.hosts import is_loopback
from .access.token_file import folder_token
from .address import LOOPBACK, Address
from .announcement import publish, require_unserved, withdraw
from .folder import ServiceFolder
from .private_folder import make_private
from .throttled_log import ThrottledHandler

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette

    from hydra_vertex.service.jobs.job_counts import JobCounts
    from hydra_vertex.service.jobs.store import Store
    from hydra_vertex.service.trials.engines.contract import WorkerEngine

    from .life import ServiceLife

REQUEST_GRACE_S = 2
BACKLOG = 128
"""Listen backlog. Without free file descriptors asyncio calls accept(), and fails, this many times in a row."""
SWITCH_INTERVAL_S = 0.001
"""Thread switch interval, a fifth of Python's default: the event loop waits less for the GIL of computing threads."""


@dataclass(frozen=True, slots=True)
class Listening:
    """The addresses of a service that is ready, and its folder. `grpc_address` is None without gRPC."""

    url: str
    grpc_address: str | None
    folder: Path

    def lines(self) -> Iterator[str]:
        """Yield one line for REST and one for gRPC."""
        yield f"listening on {self.url}"
        if self.grpc_address is not None:
            yield f"listening on {self.grpc_address} (gRPC, plaintext)"


def serve(
    directory: Path,
    address: Address,
    announce: Callable[[Listening], None],
    *,
    until_stdin_closes: bool = False,
    resources: ResourceOptions = DEFAULT_RESOURCES,
    counts: JobCounts | None = None,
    pipeline_program: tuple[str, ...] = (),
    engine: EngineOptions = THIS_MACHINE_OPTIONS,
) -> None:
    """Serve the jobs of a folder until SIGTERM, SIGINT or, with `until_stdin_closes`, the end of stdin.

    `counts` are new trial counts of the tuning jobs that the folder has already. `pipeline_program` is the command
    that runs a pipeline job (`engine.pipeline_order`); without one, pipeline jobs are refused. `engine` runs the trials
    and custom jobs.

    `announce` is called when the service is ready. Trials that still run are ended, and the next service on the folder
    runs them again.

    Raises UserError when a port is in use, another service serves the folder, `address` has a host other than loopback
    but no token, the GPUs or the engine cannot provide `resources`, or the engine cannot be used; OutputError when the
    folder cannot be used.
    """
    if not is_loopback(address.host) and address.token is None:
        raise UserError(
            f"--host {address.host}: every client of the service can run commands on this machine, so a host other "
            f"than {LOOPBACK} needs a token: give --token-file FILE, or set {TOKEN_VARIABLE}"
        )
    from .life import ServiceLife

    require_resources_apply(engine, resources)
    capacity = capacity_of(resources, find_gpus(os.environ) if engine.is_this_machine else ())
    folder = ServiceFolder(directory.expanduser().resolve())
    with contextlib.ExitStack() as stack:
        stack.enter_context(private_files())
        lock = FolderLock(folder.lock)
        stack.callback(lock.release)
        require_unserved(folder)
        gate = _prepare_access(folder, address.token, stack)
        listener = stack.enter_context(_listen(address.host, address.port, "--port"))
        if address.grpc_port is not None:
            _listen(LOOPBACK, address.grpc_port, "--grpc-port").close()
        url = f"http://{_url_host(address.host)}:{listener.getsockname()[1]}"
        lock.sign(os.getpid(), url)
        stack.callback(withdraw, folder)

        def announce_here(grpc_address: str | None) -> None:
            publish(folder, url, grpc_address)
            announce(Listening(url, grpc_address, folder.path))

        _prepare_process()
        with _open_store(folder, counts) as store:
            workers = _engine_of(folder, store, engine)
            life = ServiceLife(folder, store, capacity, address, gate, announce_here, pipeline_program, workers)
            _run(life, gate, listener, until_stdin_closes=until_stdin_closes)


def _prepare_access(folder: ServiceFolder, token: str | None, stack: contextlib.ExitStack) -> Gate:
    """Make the folder private, and write its token; None makes a new one. Raises OutputError."""
    try:
        if notice := make_private(folder):
            logging.getLogger(__name__).warning(notice)
        written = stack.enter_context(folder_token(folder.token, token))
        return Gate(written, serves_own_user=token is None)
    except OSError as error:
        raise unusable(folder.path, error) from error


@contextlib.contextmanager
def _open_store(folder: ServiceFolder, counts: JobCounts | None) -> Iterator[Store]:
    """Open the database of the folder for the block, with new trial counts of its jobs."""
    from hydra_vertex.service.jobs.store import Store
    from hydra_vertex.service.system.clock import now

    with contextlib.closing(Store(folder)) as store:
        if counts is not None:
            store.set_counts(counts, now())
        yield store


def _engine_of(folder: ServiceFolder, store: Store, options: EngineOptions) -> WorkerEngine | None:
    """Return the engine, which unfinished jobs of the folder may have been started with; None for this machine."""
    from hydra_vertex.service.engine.launches import service_id
    from hydra_vertex.service.trials.engines.engine_of_folder import keep_engine

    engine = make_engine(options, service_id(store.secret), folder.path)
    has_unfinished_jobs = bool(store.unfinished() or store.unfinished_custom_jobs())
    keep_engine(folder.engine, engine, has_unfinished_jobs=has_unfinished_jobs)
    return engine


def _run(life: ServiceLife, gate: Gate, listener: socket.socket, *, until_stdin_closes: bool) -> None:
    """Answer requests until the service is stopped. Raises the error that prevented its start or stopped it."""
    import uvicorn

    from hydra_vertex.service.api.rest import create_app

    server = life.server = uvicorn.Server(_configured(create_app(life.lifespan, gate)))
    if until_stdin_closes:
        threading.Thread(target=_stop_at_end_of_stdin, args=(server,), daemon=True).start()
    with _quiet_signals():
        try:
            server.run(sockets=[listener])
        except SystemExit:
            # uvicorn raises it after a failed startup.
            if life.failure is None:
                raise
    if life.failure is not None:
        raise life.failure


def _prepare_process() -> None:
    """Set the limits, the thread switching and the log of the process of a service."""
    raise_file_limit()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    line = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.WARNING, format=line, handlers=[ThrottledHandler()])


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
