"""The run of a trial by an engine: what it launches, what it records, and how it ends."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.jobs.write_retry import WriteRetry
from hydra_vertex.service.system.process_identity import ProcessId
from hydra_vertex.service.trials.engines.contract import (
    Exited,
    Interrupted,
    Interruption,
    Launch,
    Missing,
    Queued,
    Refused,
    Running,
    UnavailableError,
    Worker,
)
from hydra_vertex.service.trials.engines.engine_run import INTERRUPTION_LIMITS, EngineOrder, EngineRun
from hydra_vertex.service.trials.engines.launch_record import read_record
from hydra_vertex.service.trials.exit_status import ExitStatus
from hydra_vertex.service.trials.run import Ended, EndReason, NotStarted, Outcome

from .scripted_engine import RUNNING, STARTED, SUCCESS, ScriptedEngine

PREEMPTED = Interrupted(Interruption.PREEMPTED, "by a job of higher priority")
FOREVER = (RUNNING,)


@dataclass
class Owner:
    """The owner of a run, which keeps what it is told."""

    folder: TrialFolder
    starts: list[datetime | None] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    looks: int = 0

    async def before_start(self) -> None:
        if self.folder.metric_file.exists():
            self.reports.append(self.folder.metric_file.read_text().strip())

    async def record_start(self, process: ProcessId | None, started: datetime | None = None) -> None:
        assert process is None
        self.starts.append(started)

    async def look(self) -> None:
        self.looks += 1


@dataclass
class Bench:
    folder: TrialFolder

    def __post_init__(self) -> None:
        self.owner = Owner(self.folder)
        workers = (Worker(0, 0, "image", ("app",), ()),)
        self.launch = Launch("hv-0-1-1", "1", "1", workers, self.folder, "", self.folder.path / "output", 1e6, 1.0)

    def start(self, engine: ScriptedEngine) -> EngineRun:
        return EngineRun(EngineOrder(engine, self.launch), self.owner, WriteRetry())

    def run(self, engine: ScriptedEngine) -> Outcome:
        async def run() -> Outcome:
            return await self.start(engine).run()

        return asyncio.run(asyncio.wait_for(run(), 30))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(TrialFolder(tmp_path / "trial"))


def test_a_launch_that_waits_and_runs_is_followed_to_its_exit(bench: Bench) -> None:
    engine = ScriptedEngine([(Queued("no free node"), RUNNING, SUCCESS)])
    assert bench.run(engine) == Ended(SUCCESS.exit_status, None)
    assert engine.launched == engine.removed == ["hv-0-1-1-1"]
    assert bench.owner.starts == [STARTED]
    assert bench.owner.looks == 1


def test_a_launch_that_ends_before_the_first_look_has_a_start(bench: Bench) -> None:
    bench.run(ScriptedEngine([(SUCCESS,)]))
    assert bench.owner.starts == [STARTED]


@pytest.mark.parametrize("state", [PREEMPTED, Interrupted(Interruption.NODE_LOST), Missing()])
def test_an_interrupted_launch_runs_again_with_a_new_id_and_its_reports_are_kept(
    bench: Bench, state: Interrupted | Missing
) -> None:
    engine = ScriptedEngine([(RUNNING, state), (RUNNING, SUCCESS)])
    assert bench.run(engine) == Ended(SUCCESS.exit_status, None)
    assert engine.launched == engine.removed == ["hv-0-1-1-1", "hv-0-1-1-2"]
    assert bench.owner.reports == ["reports of hv-0-1-1-1"]
    assert len(bench.owner.starts) == 2


def test_a_launch_that_the_engine_queues_again_has_a_second_start_and_its_reports_are_kept(bench: Bench) -> None:
    later = STARTED + timedelta(minutes=5)
    again = Exited(ExitStatus(code=0, started=later))
    engine = ScriptedEngine([(RUNNING, Queued("BeginTime"), Queued("Priority"), Running(later), again)])
    assert bench.run(engine) == Ended(again.exit_status, None)
    assert engine.launched == ["hv-0-1-1-1"]
    assert bench.owner.starts == [STARTED, later]
    assert bench.owner.reports == ["reports of hv-0-1-1-1"]


def test_a_launch_that_is_interrupted_too_often_fails_with_what_the_engine_says(bench: Bench) -> None:
    limit = INTERRUPTION_LIMITS[Interruption.EVICTED]
    engine = ScriptedEngine([(Interrupted(Interruption.EVICTED, "low memory"),)] * (limit + 1))
    outcome = bench.run(engine)
    assert outcome == NotStarted("the trial was evicted from its node (low memory) for the 7. time")
    assert len(engine.launched) == limit + 1


def test_a_refused_launch_is_not_repeated(bench: Bench) -> None:
    assert bench.run(ScriptedEngine([], refusal="quota")) == NotStarted("could not be started: quota")
    engine = ScriptedEngine([(Queued(), Refused("no such image"))])
    assert bench.run(engine) == NotStarted("could not be started: no such image")
    assert engine.removed


@pytest.mark.parametrize("error", [UnavailableError("the connection was refused"), OSError(28, "no space left")])
@pytest.mark.parametrize("verb", ["launch", "observe", "fetch", "remove"])
def test_an_engine_that_does_not_answer_for_a_while_only_delays(bench: Bench, verb: str, error: Exception) -> None:
    engine = ScriptedEngine([(RUNNING, SUCCESS)], unavailable={verb: 2}, error=error)
    assert bench.run(engine) == Ended(SUCCESS.exit_status, None)
    assert engine.launched == ["hv-0-1-1-1"]


def test_the_time_limit_ends_the_launch(bench: Bench) -> None:
    bench.launch = replace(bench.launch, timeout_s=0.0)
    outcome = bench.run(ScriptedEngine([FOREVER]))
    assert outcome == Ended(ExitStatus(code=143, timed_out=True, started=STARTED), None)


def ended_while_running(bench: Bench, engine: ScriptedEngine, why: EndReason) -> Outcome:
    async def run() -> Outcome:
        started = bench.start(engine)
        task = asyncio.create_task(started.run())
        while not started.is_running:
            await asyncio.sleep(0.01)
        started.end(why)
        return await asyncio.wait_for(task, 30)

    return asyncio.run(run())


@pytest.mark.parametrize("state", [Exited(ExitStatus(code=0, started=STARTED)), PREEMPTED, Missing()])
def test_a_requested_end_counts_as_stopped_however_the_launch_ends(
    bench: Bench, state: Exited | Interrupted | Missing
) -> None:
    outcome = ended_while_running(bench, ScriptedEngine([FOREVER], ended=state), EndReason.CANCELLED)
    assert isinstance(outcome, Ended)
    assert outcome.end_reason is EndReason.CANCELLED
    assert outcome.exit_status is not None
    assert outcome.exit_status.stopped


def test_the_next_service_runs_again_what_a_stopping_one_has_ended(bench: Bench) -> None:
    engine = ScriptedEngine([FOREVER, (RUNNING, SUCCESS)])
    ended_while_running(bench, engine, EndReason.SHUTDOWN)
    assert bench.run(engine) == Ended(SUCCESS.exit_status, None)
    assert engine.launched == ["hv-0-1-1-1", "hv-0-1-1-2"]


def test_a_stopping_service_leaves_a_launch_that_does_not_answer_to_the_next_one(bench: Bench) -> None:
    engine = ScriptedEngine([(RUNNING, RUNNING, SUCCESS), (SUCCESS,)], unavailable={"end": 1})
    with pytest.raises(UnavailableError):
        ended_while_running(bench, engine, EndReason.SHUTDOWN)
    assert engine.removed == []
    # The request may have arrived, so the exit of the first attempt does not count.
    assert bench.run(engine) == Ended(SUCCESS.exit_status, None)
    assert engine.launched == engine.removed == ["hv-0-1-1-1", "hv-0-1-1-2"]


def test_an_interrupted_launch_that_a_stopping_service_cannot_remove_is_removed_by_the_next_one(bench: Bench) -> None:
    engine = ScriptedEngine([(RUNNING, PREEMPTED), (SUCCESS,)])

    async def run() -> Outcome:
        started = bench.start(engine)
        remove = engine.remove

        def stop(launch: Launch) -> None:
            engine.remove = remove  # type: ignore[method-assign]  # only the first call
            started.end_reason = EndReason.SHUTDOWN
            raise UnavailableError("remove: the connection was refused")

        engine.remove = stop  # type: ignore[method-assign]
        return await asyncio.wait_for(started.run(), 30)

    assert asyncio.run(run()) == Ended(None, EndReason.SHUTDOWN)
    assert bench.run(engine) == Ended(SUCCESS.exit_status, None)
    assert engine.removed == ["hv-0-1-1-1", "hv-0-1-1-2"]


def test_the_next_service_ends_again_what_may_not_have_received_the_request(bench: Bench) -> None:
    engine = ScriptedEngine([FOREVER, (RUNNING, SUCCESS)], unavailable={"end": 1})
    with pytest.raises(UnavailableError, match="its launch hv-0-1-1-1 may still run until the next start"):
        ended_while_running(bench, engine, EndReason.SHUTDOWN)
    assert bench.run(engine) == Ended(SUCCESS.exit_status, None)
    assert engine.ends == ["hv-0-1-1-1"]


@pytest.mark.parametrize("state", [Missing(), Interrupted(Interruption.NODE_LOST)])
def test_a_launch_that_was_removed_after_its_time_limit_does_not_run_again(
    bench: Bench, state: Missing | Interrupted
) -> None:
    bench.launch = replace(bench.launch, timeout_s=0.0)
    engine = ScriptedEngine([FOREVER, (SUCCESS,)], ended=state)
    outcome = bench.run(engine)
    assert outcome == Ended(ExitStatus(timed_out=True), None)
    assert engine.launched == ["hv-0-1-1-1"]


def test_a_time_limit_is_known_to_the_next_service(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = Exited(ExitStatus(code=143, stopped=True, started=STARTED))
    engine = ScriptedEngine([FOREVER, (SUCCESS,)], ended=stopped)
    launch, end = bench.launch, engine.end

    def die(launch: Launch) -> None:
        monkeypatch.undo()
        end(launch)
        raise Killed

    monkeypatch.setattr(engine, "end", die)
    bench.launch = replace(launch, timeout_s=0.0)
    with pytest.raises(Killed):
        bench.run(engine)
    bench.launch = launch
    assert bench.run(engine) == Ended(ExitStatus(code=143, timed_out=True, started=STARTED), None)


def test_an_end_that_nobody_here_requested_is_an_interruption(bench: Bench) -> None:
    engine = ScriptedEngine([(RUNNING, Exited(ExitStatus(code=143, stopped=True))), (RUNNING, SUCCESS)])
    assert bench.run(engine) == Ended(SUCCESS.exit_status, None)
    assert engine.launched == ["hv-0-1-1-1", "hv-0-1-1-2"]


class Killed(BaseException):
    """The service is killed at this point."""


@pytest.mark.parametrize("verb", ["launch", "observe", "fetch", "remove"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_service_that_is_killed_at_any_verb_launches_once_and_concludes_once(
    bench: Bench, verb: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = ScriptedEngine([(RUNNING, RUNNING, SUCCESS)])
    act = getattr(engine, verb)

    def die(launch: Launch) -> object:
        monkeypatch.undo()
        if when == "after":
            act(launch)
        raise Killed

    monkeypatch.setattr(engine, verb, die)
    with pytest.raises(Killed):
        bench.run(engine)
    bench.owner = Owner(bench.folder)
    assert bench.run(engine) == Ended(SUCCESS.exit_status, None)
    assert engine.launched == ["hv-0-1-1-1"]
    assert engine.known_ids() == frozenset()


def test_the_exit_is_recorded_before_the_launch_is_removed(bench: Bench) -> None:
    engine = ScriptedEngine([(RUNNING, RUNNING, SUCCESS)])
    bench.run(engine)
    assert bench.owner.starts == [STARTED]
    record = read_record(bench.folder.launch_file)
    assert record is not None
    assert record.exit_status == SUCCESS.exit_status


def test_a_record_that_cannot_be_read_launches_nothing(bench: Bench) -> None:
    bench.folder.clear()
    bench.folder.launch_file.mkdir()
    engine = ScriptedEngine([(SUCCESS,)])
    with pytest.raises(ValueError, match="the record of a launch, cannot be read"):
        bench.run(engine)
    assert engine.launched == []


def test_a_launch_that_a_stopping_service_cannot_remove_is_named(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    engine = ScriptedEngine([FOREVER], unavailable={"remove": 1})
    ended_while_running(bench, engine, EndReason.SHUTDOWN)
    assert (
        "hv-0-1-1-1 was not removed, the service does that later, or at its next start: the connection was refused"
        in caplog.text
    )


def test_a_record_that_cannot_be_understood_launches_nothing(bench: Bench) -> None:
    bench.folder.clear()
    bench.folder.launch_file.write_text("{}")
    engine = ScriptedEngine([(SUCCESS,)])
    with pytest.raises(ValueError, match="is not the record of a launch"):
        bench.run(engine)
    assert engine.launched == []


@pytest.mark.parametrize("is_received", [False, True])
def test_a_cancelled_launch_that_the_engine_does_not_accept_is_given_up_and_removed(
    bench: Bench, is_received: bool
) -> None:
    engine = ScriptedEngine([FOREVER], unavailable={"launch": 10_000})
    if is_received:
        engine.launched.append("hv-0-1-1-1")

    async def run() -> Outcome:
        started = bench.start(engine)
        task = asyncio.create_task(started.run())
        while engine.unavailable["launch"] == 10_000:
            await asyncio.sleep(0.01)
        started.end(EndReason.CANCELLED)
        return await asyncio.wait_for(task, 30)

    assert asyncio.run(run()) == Ended(None, EndReason.CANCELLED)
    assert engine.known_ids() == frozenset()


def test_an_engine_whose_clock_is_behind_does_not_end_a_launch_early(bench: Bench) -> None:
    behind = Running(STARTED - timedelta(days=1))
    bench.launch = replace(bench.launch, timeout_s=3600.0)
    assert bench.run(ScriptedEngine([(behind, behind, SUCCESS)])) == Ended(SUCCESS.exit_status, None)
