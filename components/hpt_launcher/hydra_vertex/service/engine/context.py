"""What all jobs of one service share."""

from __future__ import annotations

from dataclasses import dataclass

from hydra_vertex.service.devices.slots import Slots
from hydra_vertex.service.folder import ServiceFolder
from hydra_vertex.service.jobs.store import Store
from hydra_vertex.service.jobs.write_retry import WriteRetry

from .launches import Launches


@dataclass(frozen=True, slots=True)
class EngineContext:
    """The folder, its database, the places for trials, how trials are launched, and how a shortage is waited for."""

    folder: ServiceFolder
    store: Store
    slots: Slots
    launches: Launches
    retry: WriteRetry
