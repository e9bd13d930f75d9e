"""Fixtures: an engine on the cluster, and a folder that its nodes share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from hydra_vertex.protocol.json import Json
from hydra_vertex.service.trials.engines.contract import WorkerEngine
from hydra_vertex.service.trials.engines.slurm import make_engine
from service.trials.engines.slurm.launches import SERVICE_ID, cancel_all

NewEngine: TypeAlias = Callable[..., WorkerEngine]


@pytest.fixture
def new_engine(tmp_path: Path) -> Iterator[NewEngine]:
    """Make an engine of one service; each call is a later process of it."""

    def make(**settings: Json) -> WorkerEngine:
        return make_engine({"shared_folder": str(tmp_path), "folder_delay_s": 2, **settings}, SERVICE_ID)

    yield make
    cancel_all()


@pytest.fixture
def engine(new_engine: NewEngine) -> WorkerEngine:
    return new_engine()
