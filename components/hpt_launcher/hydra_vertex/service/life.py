"""The lifespan of a server: starts and stops its engine, and stops the server when its database is lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from hydra_vertex.protocol.errors import HydraVertexError, ServiceError
from hydra_vertex.service.api.google_messages import load as load_messages
from hydra_vertex.service.api.operations import Operations
from hydra_vertex.service.devices.capacity import Capacity
from hydra_vertex.service.engine.engine import Engine
from hydra_vertex.service.jobs.database_errors import LostDatabaseError, UnwritableError, unusable_database
from hydra_vertex.service.jobs.store import Store
from hydra_vertex.service.optimizer import load_model
from hydra_vertex.service.trials.engines.contract import WorkerEngine

from .access.gate import Gate
from .address import Address
from .folder import ServiceFolder

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette

    from hydra_vertex.service.api.grpc_front import GrpcServer

DATABASE_CHECK_INTERVAL_S = 1.0


class ServiceLife:
    """Startup and shutdown of a server. `failure` is the error that prevented its start or stopped it, or None."""

    server: uvicorn.Server

    def __init__(
        self,
        folder: ServiceFolder,
        store: Store,
        capacity: Capacity,
        address: Address,
        gate: Gate,
        announce: Callable[[str | None], None],
        pipeline_program: tuple[str, ...] = (),
        engine: WorkerEngine | None = None,
    ) -> None:
        self._folder = folder
        self._store = store
        self._capacity = capacity
        self._address = address
        self._gate = gate
        self._announce = announce
        self._pipeline_program = pipeline_program
        self._engine = engine
        self.failure: HydraVertexError | None = None

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """The ASGI application's lifespan: the engine runs, and gRPC is served, until the context is left."""
        engine = Engine(self._folder, self._store, self._capacity, self._pipeline_program, self._engine)
        app.state.operations = Operations(engine)
        watching = asyncio.create_task(self._watch_database())
        try:
            await asyncio.to_thread(_load_libraries)
            grpc = _bind_grpc(app.state.operations, self._address, self._gate)
            # Before the first request is answered: a job created by this service must not be resumed as a leftover.
            engine.resume()
            async with grpc or contextlib.nullcontext():
                self._announce(grpc.address if grpc else None)
                yield
        except (HydraVertexError, sqlite3.Error) as error:
            self.failure = self._as_hydra_vertex_error(error)
            # The message of `failure` is sufficient; uvicorn would log a traceback.
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
            raise
        finally:
            await engine.stop()
            watching.cancel()
            await asyncio.wait({watching})

    async def _watch_database(self) -> None:
        """Stop the server when its database was removed or replaced: it would answer with state that is not stored."""
        while True:
            await asyncio.sleep(DATABASE_CHECK_INTERVAL_S)
            try:
                self._store.check_in_place()
            except UnwritableError:
                continue
            except LostDatabaseError as error:
                self.failure = error
                self.server.should_exit = True
                return

    def _as_hydra_vertex_error(self, error: HydraVertexError | sqlite3.Error) -> HydraVertexError:
        return error if isinstance(error, HydraVertexError) else unusable_database(self._folder.database, error)


def _load_libraries() -> None:
    """Import the modules of the requests and of the model, before the service does anything.

    numpy cannot be imported again after an import that failed halfway, so a shortage of descriptors during a later
    import would make the process useless. Raises ServiceError.
    """
    try:
        load_messages()
        load_model()
    except (OSError, ImportError) as error:
        raise ServiceError(
            f"cannot load the libraries of the service: {error}; free memory and file descriptors if they are short, "
            "else install hydra-vertex[all] again, and start the service again"
        ) from error


def _bind_grpc(operations: Operations, address: Address, gate: Gate) -> GrpcServer | None:
    """Return a gRPC server that has bound its port but does not answer yet; None when gRPC is disabled."""
    if address.grpc_port is None:
        return None
    from hydra_vertex.service.api.grpc_front import GrpcServer

    return GrpcServer(operations, address.grpc_port, gate)
