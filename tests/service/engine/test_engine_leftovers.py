"""The launches in an engine that belong to no live trial."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hydra_vertex.service.engine import engine_leftovers
from hydra_vertex.service.engine.engine_leftovers import remove_leftovers
from hydra_vertex.service.folder import ServiceFolder
from service.trials.engines.scripted_engine import ScriptedEngine

LIVE, LEFT, LATER = "hv-s-1-1", "hv-s-2-1", "hv-s-3-1"


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(engine_leftovers, "CHECK_INTERVAL_S", 0.02)
    custom = SimpleNamespace(id="1")
    store = SimpleNamespace(unfinished=list, unfinished_custom_jobs=lambda: [custom])
    return SimpleNamespace(folder=ServiceFolder(tmp_path), store=store)


def removing(engine: ScriptedEngine, context: Any, until: Callable[[], bool]) -> None:
    """Remove leftovers until a condition holds."""

    async def run() -> None:
        removal = asyncio.create_task(remove_leftovers(engine, context, "s"))
        while not until() and not removal.done():
            await asyncio.sleep(0.01)
        removal.cancel()

    asyncio.run(asyncio.wait_for(run(), 30))


def test_what_an_earlier_service_has_left_is_removed_at_once(context: Any) -> None:
    engine = ScriptedEngine([])
    engine.launched = [LIVE, LEFT]
    removing(engine, context, lambda: bool(engine.removed))
    assert engine.removed == [LEFT]


def test_a_launch_that_a_failed_trial_leaves_is_removed_when_the_engine_answers_again(context: Any) -> None:
    engine = ScriptedEngine([], unavailable={"remove": 1})
    engine.launched = [LIVE, LATER]
    removing(engine, context, lambda: bool(engine.removed))
    assert engine.removed == [LATER]


def test_a_launch_that_its_own_run_may_be_ending_is_removed_only_when_it_is_seen_twice(context: Any) -> None:
    engine, looks = ScriptedEngine([]), list[int]()
    known_ids = engine.known_ids

    def counted() -> frozenset[str]:
        looks.append(len(engine.removed))
        engine.launched = [LIVE] if len(looks) == 1 else [LIVE, LATER]
        return known_ids()

    engine.known_ids = counted  # type: ignore[method-assign]
    removing(engine, context, lambda: bool(engine.removed))
    assert engine.removed == [LATER]
    assert len(looks) >= 3
    assert looks[:3] == [0, 0, 0]
