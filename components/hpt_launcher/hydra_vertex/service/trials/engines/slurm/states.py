"""Decides the state of a launch from what its folder and Slurm say. Pure.

A record of success in the folder decides alone: the command has ended well, whatever becomes of its job. For any other
end, Slurm's state says why the job ended, and the record with which exit code.
"""

from __future__ import annotations

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
from hydra_vertex.service.trials.exit_status import ExitStatus

from .job_queue import SlurmJob
from .launch_files import Attempt, LaunchRecord
from .reasons import permanent

INTERRUPTIONS = {
    "PREEMPTED": Interruption.PREEMPTED,
    "NODE_FAIL": Interruption.NODE_LOST,
    "BOOT_FAIL": Interruption.NODE_LOST,
    "REVOKED": Interruption.REMOVED,
    "CANCELLED": Interruption.REMOVED,
}
TIMEOUTS = frozenset({"TIMEOUT", "DEADLINE"})
ON_NODES = frozenset({"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"})
"""States of jobs with nodes. Every other state is one of waiting: PENDING, CONFIGURING, REQUEUED, REQUEUE_HOLD, …"""

KILLED = "CANCELLED"
"""Slurm's word in a job's messages when it killed the job, as a controller does with one that it has lost."""

LIMIT_SHARE, LIMIT_SLACK_S = 0.1, 30.0
"""How much earlier than at its time limit a job may seem to get the signal of it: it is counted from the allocation of
the nodes, before the start that the job records. The smaller of a share of the limit and of a number of seconds."""

SIGNAL_BASE = 128
LAST_SIGNAL = 64


def job_of(record: LaunchRecord, jobs: tuple[SlurmJob, ...]) -> SlurmJob | None:
    """Return the job that runs the launch: the one that claimed it, else the one recorded, else the first submitted."""
    by_id = {job.id: job for job in jobs}
    if record.claim:
        return by_id.get(record.claim)
    if record.submitted in by_id:
        return by_id[record.submitted]
    return jobs[0] if jobs else None


def live_state(record: LaunchRecord, job: SlurmJob) -> State:
    """Return the state of a launch whose job has not ended."""
    if job.state not in ON_NODES:
        never = permanent(job.reason)
        return Refused(never) if never else Queued(_waiting(job))
    attempt = record.attempt
    if attempt is None or record.claim != job.id:
        return Queued(f"starting on {job.nodes}")
    suspended = f" ({job.state.lower()})" if job.state in {"SUSPENDED", "STOPPED"} else ""
    return Running(attempt.started, f"{attempt.place}{suspended}")


def _waiting(job: SlurmJob) -> str:
    parts = ("" if job.state == "PENDING" else job.state, "" if job.reason == "None" else job.reason)
    return ": ".join(part for part in parts if part)


def ended_state(record: LaunchRecord, job: SlurmJob, message: str) -> State:
    """Return the state of a launch whose job has ended.

    `message` is the last error that Slurm wrote about the job, or empty.
    """
    attempt = record.attempt
    detail = f"Slurm job {job.id} is {job.state}{f' on {job.nodes}' if job.nodes else ''}{_appended(message)}"
    if record.is_cancelled:
        return Missing() if attempt is None else Exited(_exit_status(attempt, job, is_stopped=True))
    if job.state in INTERRUPTIONS:
        return Interrupted(INTERRUPTIONS[job.state], detail)
    if record.refusal and attempt is None:
        return Refused(record.refusal)
    if attempt is None or record.claim != job.id:
        return Refused(
            f"{detail}, but it has not run the trial: the trial's folder must be on a file system that the nodes share,"
            " under the same path, where the user's jobs can write"
        )
    if record.is_started_twice and attempt.exit_code is None:
        return Interrupted(Interruption.REMOVED, f"{detail}, after Slurm had started it a second time")
    if job.state in TIMEOUTS:
        return Exited(ExitStatus(timed_out=True, started=attempt.started))
    if job.state == "OUT_OF_MEMORY" or "memory limit" in message:
        return Exited(_exit_status(attempt, job, detail=f"killed for its memory: {detail}"))
    if attempt.exit_code is None and KILLED in message:
        return Interrupted(Interruption.REMOVED, detail)
    return Exited(_exit_status(attempt, job, detail=_lost(attempt, detail)))


def forgotten_state(record: LaunchRecord, limit_s: float) -> State:
    """Return the state of a launch whose job neither the controller nor accounting knows.

    A job with a signal from outside was pre-empted, lost or cancelled, whatever its exit code, unless the signal came
    at the job's time limit, `limit_s`.
    """
    attempt = record.attempt
    if attempt is not None and attempt.is_signalled and not record.is_cancelled:
        if _is_at_limit(attempt, limit_s):
            return Exited(ExitStatus(timed_out=True, started=attempt.started))
        return Interrupted(Interruption.REMOVED, f"Slurm no longer knows why it ended job {record.claim} with a signal")
    if attempt is not None and (attempt.exit_code is not None or record.is_cancelled):
        return Exited(_exit_status(attempt, None, is_stopped=record.is_cancelled))
    if record.is_cancelled or not (record.claim or record.submitted):
        return Missing()
    return Interrupted(
        Interruption.REMOVED, f"Slurm no longer knows job {record.claim or record.submitted}, which left no exit record"
    )


def _is_at_limit(attempt: Attempt, limit_s: float) -> bool:
    passed_s = attempt.signalled_after_s
    return passed_s is not None and passed_s >= limit_s - min(LIMIT_SHARE * limit_s, LIMIT_SLACK_S)


def _appended(message: str) -> str:
    return f" ({message})" if message else ""


def _lost(attempt: Attempt, detail: str) -> str:
    """The description of an end without a record, which the exit code does not explain; else empty."""
    return detail if attempt.exit_code is None else ""


def _exit_status(attempt: Attempt, job: SlurmJob | None, *, is_stopped: bool = False, detail: str = "") -> ExitStatus:
    code, signal = _code(attempt, job)
    is_stopped = is_stopped and (attempt.is_signalled or attempt.exit_code is None)
    return ExitStatus(code=code, signal=signal, stopped=is_stopped, started=attempt.started, detail=detail)


def _code(attempt: Attempt, job: SlurmJob | None) -> tuple[int | None, int | None]:
    """Return exit code and signal: those of the record, else Slurm's. A shell's 128 + n means signal n."""
    code = attempt.worker_code
    if code is None:
        code, signal = (0, 9) if job is None or job.exit_code is None else job.exit_code
        if signal:
            return None, signal
    if SIGNAL_BASE < code <= SIGNAL_BASE + LAST_SIGNAL:
        return None, code - SIGNAL_BASE
    return code, None
