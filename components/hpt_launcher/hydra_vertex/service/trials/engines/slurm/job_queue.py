"""The user's jobs as Slurm's controller knows them: one query for all trials."""

from __future__ import annotations

import os
import re
import threading
import time
from dataclasses import dataclass

from hydra_vertex.service.trials.engines.contract import UnavailableError

from . import commands

MAX_AGE_S = 1.0
"""The age of a listing that may still be used: the controller answers once a second, however many trials there are."""

_FORMAT = "%i|%T|%r|%N|%j"
_FIELD = re.compile(r"(?:^| )([A-Za-z][\w:/]*)=((?:(?! [A-Za-z][\w:/]*=).)*)", re.DOTALL)


ENDED = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "LAUNCH_FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "RECONFIG_FAIL",
        "REVOKED",
        "TIMEOUT",
    }
)
"""The states of jobs that have ended. Source: JOB STATE CODES in squeue(1)."""


@dataclass(frozen=True, slots=True)
class SlurmJob:
    """One job. `state` is Slurm's word, such as RUNNING; `nodes` is empty before the job has some.

    `exit_code` is (code, signal), as Slurm's `3:0`; None where it was not asked for.
    """

    id: str
    name: str
    state: str
    reason: str = ""
    nodes: str = ""
    exit_code: tuple[int, int] | None = None

    @property
    def is_over(self) -> bool:
        """Whether the job has ended, so that nothing of it runs any more."""
        return self.state in ENDED


def parse_listing(text: str) -> tuple[SlurmJob, ...]:
    """Return the jobs of `squeue --format=_FORMAT`, one a line. The name is last: it may contain the separator."""
    rows = (line.split("|", 4) for line in text.split("\n"))
    return tuple(SlurmJob(row[0], row[4], row[1], row[2], row[3]) for row in rows if len(row) == 5)


def parse_fields(text: str) -> dict[str, str]:
    """Return the fields of one line of `scontrol --oneliner`, whose values may contain spaces and `=`.

    The first of several fields with the same name counts: a later one may be part of a path or a comment.
    """
    fields: dict[str, str] = {}
    for name, value in _FIELD.findall(text.strip()):
        fields.setdefault(name, value)
    return fields


def parse_exit_code(text: str) -> tuple[int, int] | None:
    """Return `3:0` as (3, 0); None for another text."""
    match = re.fullmatch(r"(\d+):(\d+)", text)
    return None if match is None else (int(match[1]), int(match[2]))


class JobQueue:
    """The jobs of this user. A listing is shared by all threads that ask within MAX_AGE_S."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._jobs: tuple[SlurmJob, ...] = ()

    def changed(self) -> None:
        """Called after a change of the queue: listings from before it are not used any more."""
        with self._lock:
            self._asked_at = float("-inf")

    def jobs(self) -> tuple[SlurmJob, ...]:
        """Return the user's jobs that the controller knows, ended ones too. Raises UnavailableError."""
        with self._lock:
            asked_at = time.monotonic()
            if asked_at - self._asked_at > MAX_AGE_S:
                self._jobs = _listing()
                self._asked_at = asked_at
            return self._jobs

    def named(self, name: str) -> tuple[SlurmJob, ...]:
        """Return the jobs with this name, the first submitted first. Raises UnavailableError."""
        found = (job for job in self.jobs() if job.name == name and job.id.isdigit())
        return tuple(sorted(found, key=lambda job: int(job.id)))


def _listing() -> tuple[SlurmJob, ...]:
    arguments = (f"--user={os.getuid()}", "--states=all", "--noheader", f"--format={_FORMAT}")
    return parse_listing(commands.run(("squeue", *arguments)))


def details(job_id: str, name: str) -> SlurmJob | None:
    """Return a job with its exit code, from the controller, else from accounting; None when neither knows it.

    A job with another name is another one: a controller that lost its state gives an id again. Accounting comes last
    because it lags by seconds, and it never ends jobs that such a controller forgot. Raises UnavailableError.
    """
    try:
        fields = parse_fields(commands.run(("scontrol", "show", "job", job_id, "--oneliner")))
    except UnavailableError as error:
        if "invalid job id" not in str(error).lower():
            raise
        fields = {}
    if fields.get("JobName") != name:
        return _accounted(job_id, name)
    code = parse_exit_code(fields.get("ExitCode", ""))
    return SlurmJob(
        job_id, name, fields.get("JobState", ""), fields.get("Reason", ""), fields.get("NodeList", ""), code
    )


def _accounted(job_id: str, name: str) -> SlurmJob | None:
    options = ("--allocations", "--noheader", "--parsable2", "--duplicates", "--format=State,ExitCode,NodeList,JobName")
    try:
        text = commands.run(("sacct", f"--jobs={job_id}", *options))
    except UnavailableError:
        return None  # Many sites have no accounting.
    rows = [row for line in text.splitlines() if len(row := line.split("|", 3)) == 4 and row[3] == name]
    if not rows:
        return None
    state, code, nodes, _ = rows[-1]
    # "CANCELLED by 1000"
    job = SlurmJob(job_id, name, state.partition(" ")[0], "", nodes, parse_exit_code(code))
    return job if job.is_over else None
