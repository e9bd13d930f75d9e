"""The record of the engine in a service's folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.service.trials.engines.contract import UnavailableError, WorkerEngine
from hydra_vertex.service.trials.engines.engine_of_folder import keep_engine

from .scripted_engine import ScriptedEngine


@dataclass
class Placed(ScriptedEngine):
    """An engine with an address; None does not answer."""

    namespace: str | None = "team-a"

    def address(self) -> dict[str, str]:
        if self.namespace is None:
            raise UnavailableError("the connection was refused")
        return {"namespace": self.namespace}


def placed(namespace: str | None = "team-a") -> Placed:
    return Placed([], namespace=namespace)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (
            placed(),
            placed("team-b"),
            r"--engine scripted \(namespace team-a\), not --engine scripted \(namespace team-b\)",
        ),
        (placed(), None, r"--engine scripted \(namespace team-a\), not --engine process"),
        (None, placed(), r"--engine process, not --engine scripted"),
    ],
)
def test_unfinished_jobs_do_not_go_on_with_another_engine_or_at_another_address(
    tmp_path: Path, first: WorkerEngine | None, second: WorkerEngine | None, words: str
) -> None:
    file = tmp_path / "engine.json"
    keep_engine(file, first, has_unfinished_jobs=False)
    with pytest.raises(UserError, match=words):
        keep_engine(file, second, has_unfinished_jobs=True)
    keep_engine(file, first, has_unfinished_jobs=True)
    keep_engine(file, second, has_unfinished_jobs=False)
    keep_engine(file, second, has_unfinished_jobs=True)


def test_a_record_without_an_address_is_of_the_same_engine(tmp_path: Path) -> None:
    file = tmp_path / "engine.json"
    file.write_text('{"engine": "scripted"}')
    keep_engine(file, placed(), has_unfinished_jobs=True)
    assert json.loads(file.read_text()) == {"engine": "scripted", "namespace": "team-a"}


def test_an_engine_that_does_not_say_its_address_is_not_used(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="engine scripted: the connection was refused"):
        keep_engine(tmp_path / "engine.json", placed(None), has_unfinished_jobs=False)
