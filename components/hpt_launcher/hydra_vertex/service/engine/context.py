"""The objects that all jobs of one service share."""

from __future__ import annotations

from dataclasses import dataclass

from hydra_vertex.service.devices.slots import Slots
from hydra_vertex.service.folder import ServiceFolder
from hydra_vertex.service.jobs.store import Store
from hydra_vertex.service.jobs.write_retry import WriteRetry

from .launches import Launches


@dataclass(frozen=True, slots=True)
class EngineContext:
    """The folder, its database, the slots for trials, the launch specs, and the retry of writes during a shortage."""

    folder: ServiceFolder
    store: Store
    slots: Slots
    launches: Launches
    retry: WriteRetry
