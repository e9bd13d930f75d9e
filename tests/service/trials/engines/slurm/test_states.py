from __future__ import annotations

from datetime import datetime, timezone

import pytest

from hydra_vertex.service.trials.engines.contract import (
    Exited,
    Interrupted,
    Interruption,
    Missing,
    Queued,
    Refused,
    Running,
    State,
)
from hydra_vertex.service.trials.engines.slurm.job_queue import ENDED, SlurmJob
from hydra_vertex.service.trials.engines.slurm.launch_files import Attempt, LaunchRecord
from hydra_vertex.service.trials.engines.slurm.states import (
    ended_state,
    forgotten_state,
    job_of,
    live_state,
)
from hydra_vertex.service.trials.exit_status import ExitStatus, failure_reason

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
ATTEMPT = Attempt(0, START, "n1")
LIMIT_S = 3600.0


def record(attempt: Attempt | None = ATTEMPT, *, claim: str = "12", is_cancelled: bool = False) -> LaunchRecord:
    return LaunchRecord("12", claim if attempt else "", is_cancelled, attempt=attempt)


def ended(code: int | None, *, is_signalled: bool = False) -> Attempt:
    return Attempt(0, START, "n1", code, is_signalled)


def job(state: str, reason: str = "None", exit_code: tuple[int, int] | None = (0, 0)) -> SlurmJob:
    return SlurmJob("12", "hv-1", state, reason, "n1", exit_code)


@pytest.mark.parametrize(
    ("state", "reason", "attempt", "expected"),
    [
        ("PENDING", "Resources", None, Queued("Resources")),
        ("PENDING", "Priority", None, Queued("Priority")),
        ("PENDING", "None", None, Queued("")),
        ("PENDING", "BeginTime", ATTEMPT, Queued("BeginTime")),
        ("CONFIGURING", "None", None, Queued("CONFIGURING")),
        ("REQUEUE_HOLD", "JobHeldAdmin", ATTEMPT, Queued("REQUEUE_HOLD: JobHeldAdmin")),
        ("SOMETHING_NEW", "None", None, Queued("SOMETHING_NEW")),
        ("RUNNING", "None", None, Queued("starting on n1")),
        ("RUNNING", "None", ATTEMPT, Running(START, "n1")),
        ("COMPLETING", "None", ATTEMPT, Running(START, "n1")),
        ("SUSPENDED", "None", ATTEMPT, Running(START, "n1 (suspended)")),
    ],
)
def test_a_job_that_has_not_ended(state: str, reason: str, attempt: Attempt | None, expected: State) -> None:
    assert not job(state).is_over
    assert live_state(record(attempt), job(state, reason)) == expected


def test_a_reason_that_never_ends_is_a_refusal() -> None:
    state = live_state(record(None), job("PENDING", "InvalidAccount"))
    assert isinstance(state, Refused)
    assert state.detail.startswith("InvalidAccount: ")


CAUSES = [
    ("PREEMPTED", Interruption.PREEMPTED),
    ("NODE_FAIL", Interruption.NODE_LOST),
    ("BOOT_FAIL", Interruption.NODE_LOST),
    ("CANCELLED", Interruption.REMOVED),
    ("REVOKED", Interruption.REMOVED),
]


@pytest.mark.parametrize(("state", "cause"), CAUSES)
@pytest.mark.parametrize("attempt", [None, ended(None), ended(0, is_signalled=True), ended(143, is_signalled=True)])
def test_an_end_that_is_not_the_trials_is_an_interruption(
    state: str, cause: Interruption, attempt: Attempt | None
) -> None:
    seen = ended_state(record(attempt), job(state), "")
    assert isinstance(seen, Interrupted)
    assert seen.cause is cause
    assert seen.detail == f"Slurm job 12 is {state} on n1"


@pytest.mark.parametrize("state", sorted(ENDED))
def test_a_requested_end_is_one_whatever_slurm_calls_it(state: str) -> None:
    attempt = ended(143, is_signalled=True)
    expected = Exited(ExitStatus(signal=15, stopped=True, started=START))
    assert ended_state(record(attempt, is_cancelled=True), job(state), "") == expected
    assert ended_state(record(None, is_cancelled=True), job(state), "") == Missing()


def test_an_own_end_before_the_requested_one_counts() -> None:
    seen = ended_state(record(ended(3), is_cancelled=True), job("FAILED"), "")
    assert seen == Exited(ExitStatus(code=3, started=START))


@pytest.mark.parametrize(
    ("attempt", "slurm", "expected"),
    [
        (ended(3), job("FAILED", exit_code=(3, 0)), ExitStatus(code=3, started=START)),
        (ended(137), job("FAILED", exit_code=(137, 0)), ExitStatus(signal=9, started=START)),
        (ended(255), job("FAILED", exit_code=(255, 0)), ExitStatus(code=255, started=START)),
        (ended(0, is_signalled=True), job("COMPLETED"), ExitStatus(code=0, started=START)),
        (ended(0, is_signalled=True), job("TIMEOUT"), ExitStatus(timed_out=True, started=START)),
        (ended(None), job("DEADLINE"), ExitStatus(timed_out=True, started=START)),
    ],
)
def test_the_trials_own_end_is_its_record(attempt: Attempt, slurm: SlurmJob, expected: ExitStatus) -> None:
    assert ended_state(record(attempt), slurm, "") == Exited(expected)


@pytest.mark.parametrize(
    ("slurm", "code", "signal"),
    [
        (job("FAILED", exit_code=(3, 0)), 3, None),
        (job("FAILED", exit_code=(0, 9)), None, 9),
        (job("COMPLETED", exit_code=(0, 0)), 0, None),
        (job("FAILED", exit_code=None), None, 9),
    ],
)
def test_without_a_record_slurms_exit_code_counts(slurm: SlurmJob, code: int | None, signal: int | None) -> None:
    seen = ended_state(record(ended(None)), slurm, "")
    assert isinstance(seen, Exited)
    assert (seen.exit_status.code, seen.exit_status.signal) == (code, signal)
    assert "Slurm job 12 is" in seen.exit_status.detail


@pytest.mark.parametrize(
    ("slurm", "message"),
    [(job("OUT_OF_MEMORY"), "Detected 1 oom_kill event"), (job("FAILED"), "Exceeded job memory limit")],
)
def test_memory_is_named(slurm: SlurmJob, message: str) -> None:
    seen = ended_state(record(ended(137)), slurm, message)
    assert isinstance(seen, Exited)
    assert not seen.exit_status.is_success
    assert failure_reason(seen.exit_status, 1).startswith("killed for its memory: Slurm job 12 is")
    assert message in failure_reason(seen.exit_status, 1)


def test_the_first_worker_that_failed_names_the_exit() -> None:
    attempt = Attempt(0, START, "n[1-3]", 9, ranks=((2, 0), (1, 5), (0, 143)))
    assert ended_state(record(attempt), job("FAILED"), "") == Exited(ExitStatus(code=5, started=START))


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED", "TIMEOUT"])
def test_a_job_that_left_nothing_has_no_shared_folder(state: str) -> None:
    seen = ended_state(record(None), job(state), "")
    assert isinstance(seen, Refused)
    assert "a file system that the nodes share" in seen.detail


def test_a_job_that_slurm_started_twice_is_interrupted() -> None:
    twice = LaunchRecord("12", "12", is_started_twice=True, attempt=ended(None))
    seen = ended_state(twice, job("FAILED", exit_code=(1, 0)), "")
    assert isinstance(seen, Interrupted)
    assert seen.cause is Interruption.REMOVED
    kept = LaunchRecord("12", "12", is_started_twice=True, attempt=ended(3))
    assert ended_state(kept, job("FAILED"), "") == Exited(ExitStatus(code=3, started=START))


def test_a_job_that_slurm_killed_at_once_is_interrupted() -> None:
    message = "JOB 12 ON n1 CANCELLED AT 2026-01-01T00:00:00"
    seen = ended_state(record(ended(None)), job("FAILED", exit_code=(0, 9)), message)
    assert seen == Interrupted(Interruption.REMOVED, f"Slurm job 12 is FAILED on n1 ({message})")
    assert isinstance(ended_state(record(ended(3)), job("FAILED"), message), Exited)


def test_a_job_that_could_not_run_says_why() -> None:
    refused = LaunchRecord("12", "12", refusal="node n1 has no folder /x")
    assert ended_state(refused, job("FAILED"), "") == Refused("node n1 has no folder /x")


def test_a_forgotten_job() -> None:
    stopped = Exited(ExitStatus(signal=15, stopped=True, started=START))
    assert forgotten_state(LaunchRecord(), LIMIT_S) == Missing()
    assert forgotten_state(record(None, is_cancelled=True), LIMIT_S) == Missing()
    assert forgotten_state(record(ended(3)), LIMIT_S) == Exited(ExitStatus(code=3, started=START))
    assert forgotten_state(record(ended(143, is_signalled=True), is_cancelled=True), LIMIT_S) == stopped
    signalled = (ended(0, is_signalled=True), ended(143, is_signalled=True), ended(None, is_signalled=True))
    for lost in (record(None), record(ended(None)), *map(record, signalled)):
        seen = forgotten_state(lost, LIMIT_S)
        assert isinstance(seen, Interrupted)
        assert seen.cause is Interruption.REMOVED
        assert "job 12" in seen.detail


@pytest.mark.parametrize(
    ("limit_s", "after_s", "is_timed_out"),
    [(3600, 3600, True), (3600, 3575, True), (3600, 3500, False), (60, 55, True), (60, 40, False)],
)
@pytest.mark.parametrize("code", [0, 143, None])
def test_a_forgotten_job_that_was_signalled_at_its_time_limit_has_timed_out(
    limit_s: float, after_s: float, is_timed_out: bool, code: int | None
) -> None:
    attempt = Attempt(0, START, "n1", code, is_signalled=True, signalled_after_s=after_s)
    seen = forgotten_state(record(attempt), limit_s)
    if is_timed_out:
        assert seen == Exited(ExitStatus(timed_out=True, started=START))
    else:
        assert isinstance(seen, Interrupted)


def test_the_job_that_claimed_the_launch_is_its_job() -> None:
    jobs = (SlurmJob("11", "hv-1", "COMPLETED"), SlurmJob("12", "hv-1", "RUNNING"))
    assert job_of(record(), jobs) == jobs[1]
    assert job_of(LaunchRecord("11"), jobs) == jobs[0]
    assert job_of(LaunchRecord(), jobs) == jobs[0]
    assert job_of(LaunchRecord("9"), jobs) == jobs[0]
    assert job_of(record(claim="9"), jobs) is None
    assert job_of(LaunchRecord(), ()) is None
