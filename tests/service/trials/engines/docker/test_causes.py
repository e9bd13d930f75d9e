"""Why a container ended, by the events that its engine remembers."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from hydra_vertex.service.trials.engines.contract import Exited, Interrupted, Interruption
from hydra_vertex.service.trials.engines.docker.causes import EVENTS_KEPT, Memory, end_of_removed, interruption
from hydra_vertex.service.trials.engines.docker.inspection import Container

FINISHED = datetime(2026, 11, 26, 18, tzinfo=timezone.utc)


def event(action: str, minutes: float = 0.0, container: str = "id", **attributes: str) -> dict[str, Any]:
    moment = FINISHED + timedelta(minutes=minutes)
    actor = {"ID": container, "Attributes": {"name": "t-0-0", **attributes}}
    return {"Type": "container", "Action": action, "Actor": actor, "timeNano": int(moment.timestamp() * 1e9)}


def ended(code: int, **changes: Any) -> Container:
    return Container(is_running=False, exit_code=code, id="id", finished=FINISHED, **changes)


DIE = event("die", exitCode="143")


@pytest.mark.parametrize("code", [0, 1, 137, 143])
def test_an_end_that_the_engine_saw_is_the_trial_s(code: int) -> None:
    assert interruption(ended(code), Memory([event("create", -5), event("start", -4), DIE])) is None


@pytest.mark.parametrize("number", ["15", "9", "2"])
@pytest.mark.parametrize("code", [0, 137, 143])
def test_an_end_after_a_signal_of_another_client_is_an_interruption(code: int, number: str) -> None:
    found = interruption(ended(code), Memory([event("start", -4), event("kill", signal=number), DIE]))

    assert found is not None
    assert found.cause is Interruption.REMOVED


def test_a_signal_of_an_engine_that_did_not_start_the_container_is_its_restart() -> None:
    found = interruption(ended(137), Memory([event("kill", signal="15"), event("kill", signal="9"), DIE]))

    assert found is not None
    assert found.cause is Interruption.NODE_LOST


def test_other_signals_and_those_to_other_containers_end_nothing() -> None:
    events = [event("kill", signal="10"), event("kill", container="earlier", signal="9"), DIE]

    assert interruption(ended(1), Memory(events)) is None


@pytest.mark.parametrize("code", [1, 137, 143, 255])
def test_an_end_that_the_engine_did_not_see_is_one_by_its_restart(code: int) -> None:
    found = interruption(ended(code), Memory([event("start", 5, container="other")]))

    assert found is not None
    assert found.cause is Interruption.NODE_LOST
    assert str(code) in found.detail


def test_a_success_and_an_end_for_memory_are_the_trial_s_also_over_a_restart() -> None:
    assert interruption(ended(0), Memory([])) is None
    assert interruption(ended(137, is_oom_killed=True), Memory([])) is None


def test_a_memory_that_does_not_reach_back_decides_nothing_but_for_a_lost_process() -> None:
    full = Memory([event("start", 1, container=str(number)) for number in range(EVENTS_KEPT)])

    assert interruption(ended(137), full) is None
    assert interruption(ended(255), full) is not None


def test_with_live_restore_only_a_lost_process_is_an_interruption() -> None:
    memory = Memory([], has_live_restore=True)

    assert interruption(ended(137), memory) is None
    assert interruption(ended(255), memory) is not None


@pytest.mark.parametrize(("code", "is_success"), [("0", True), ("3", False)])
def test_a_container_that_was_removed_after_its_end_has_its_exit_code(code: str, is_success: bool) -> None:
    found = end_of_removed("t-0-0", Memory([event("die", exitCode=code), event("destroy")]))

    assert isinstance(found, Exited)
    assert found.exit_status.code == int(code)
    assert found.exit_status.is_success is is_success


@pytest.mark.parametrize(
    "events",
    [
        [],
        [event("create")],
        [event("kill", signal="9"), event("die", exitCode="137"), event("destroy")],
        [event("die", container="earlier", exitCode="0"), event("create")],
    ],
)
def test_a_container_that_was_removed_while_it_ran_is_an_interruption(events: list[dict[str, Any]]) -> None:
    found = end_of_removed("t-0-0", Memory(events))

    assert isinstance(found, Interrupted)
    assert found.cause is Interruption.REMOVED
