"""The runs that the server has started: each in the background, with a time limit, and none outlives the server."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import JsonObject

from .children import Answer, answer_in, command_line, last_text, signal_child, start
from .rules import Rules

STOP_LIMIT_S = 30.0
"""Time from SIGTERM to SIGKILL, in which a run ends its trials."""
_POLL_INTERVAL_S = 0.1
_LAST_LINES = 10


@dataclass(slots=True)
class Run:
    """A run. `files` is the folder of its stdout and stderr, and `deadline` is in seconds of `time.monotonic`."""

    out: Path
    child: subprocess.Popen[bytes]
    files: Path
    trials: int
    deadline: float
    job: JsonObject | None = None
    """The last known state of its job, which is not to be had while the service ends and the folder has no job.json."""

    @property
    def is_running(self) -> bool:
        """Whether the process still runs."""
        return self.child.poll() is None

    @property
    def answer(self) -> Answer | None:
        """What the process has printed; None while it runs."""
        return None if self.is_running else answer_in(self.files, self.child.returncode)

    @property
    def last_lines(self) -> list[str]:
        """The last lines of its progress."""
        return last_text(self.files / "stderr").splitlines()[-_LAST_LINES:]

    def stop(self) -> None:
        """Ask the run to end."""
        if self.is_running:
            signal_child(self.child, signal.SIGTERM)

    def kill(self) -> None:
        """End the run at once. Its guard ends the processes that it leaves."""
        self.child.kill()
        self.child.wait()


@dataclass(slots=True)
class Runs:
    """The runs of a server, by their folders. `files` is a private folder for their output."""

    rules: Rules
    files: Path
    _runs: dict[Path, Run] = field(default_factory=dict)
    _started: int = 0
    _trials: int = 0

    @property
    def trials_left(self) -> int:
        """How many trials the server still allows."""
        return self.rules.max_trials - self._trials

    def find(self, out: Path) -> Run | None:
        """Return the run of a folder; None when the server has not started it."""
        return self._runs.get(out)

    def require_place(self, out: Path) -> None:
        """Check that one more run can be started in a folder. Raises UserError."""
        running = [run for run in self._runs.values() if run.is_running]
        if any(run.out == out for run in running):
            raise UserError(f"{out}: a run is in progress in it; watch it, or stop it")
        if len(running) >= self.rules.max_runs:
            raise UserError(
                f"{len(running)} runs are in progress, and this server allows {self.rules.max_runs} (--max-runs); stop "
                f"one, or wait for its end: {', '.join(str(run.out) for run in running)}"
            )

    def charge(self, trials: int) -> None:
        """Count trials against the limit of the server."""
        self._trials += trials

    def start(self, words: Sequence[str], app: Sequence[str], out: Path, *, trials: int, limit_s: float) -> Run:
        """Start a run in a folder. Raises UserError, OSError."""
        self.require_place(out)
        files = self.files / f"run-{self._started}"
        files.mkdir()
        with (files / "stdout").open("wb") as stdout, (files / "stderr").open("wb") as stderr:
            child = start(command_line(words, app), self.rules.root, stdout, stderr)
        self._started += 1
        self.charge(trials)
        self._runs[out] = Run(out, child, files, trials, time.monotonic() + limit_s)
        return self._runs[out]

    def end_overdue(self) -> None:
        """Ask the runs to end whose time is over."""
        for run in self._runs.values():
            if run.is_running and time.monotonic() >= run.deadline:
                run.stop()
                run.deadline += STOP_LIMIT_S

    def running(self) -> list[Run]:
        """Return the runs in progress."""
        return [run for run in self._runs.values() if run.is_running]

    def end_all(self) -> list[Run]:
        """Ask all runs to end, wait, and kill what is left. Returns the runs that were in progress."""
        ended = self.running()
        for run in ended:
            run.stop()
        deadline = time.monotonic() + STOP_LIMIT_S
        while self.running() and time.monotonic() < deadline:
            time.sleep(_POLL_INTERVAL_S)
        for run in self.running():
            run.kill()
        return ended
