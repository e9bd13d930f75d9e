"""The folder of one launch: what the service writes for the job, and what the job leaves for the service.

::

    slurm-<launch>/batch.sh worker.sh setup.sh   the scripts of the job
    slurm-<launch>/job                           the id of the job that sbatch returned
    slurm-<launch>/slurm-<job>.txt               Slurm's own messages about the job
    slurm-<launch>/cancelled                     exists when the end of the launch was requested
    slurm-<launch>/removed                       exists when the launch was removed
    slurm-<launch>/claim                         a link to the id of the job that runs the launch
    slurm-<launch>/refused                       why the job ran nothing, if it could not
    slurm-<launch>/twice                         exists when Slurm started the same run of the job a second time
    slurm-<launch>/done                          exists when the command has ended well
    slurm-<launch>/<n>/                          the n-th requeue of the job:
        started                                  its start in seconds since the epoch, and its nodes
        log.txt metrics.jsonl                    the log of the chief, log.<rank>.txt of other workers; the reports
        addresses                                of several workers
        signalled                                exists when a process of the job got SIGTERM
        exit.<rank>                              exit code and time of a worker
        exit                                     exit code of the job, 1 if it was signalled, and the time

The job writes each record beside its place and renames it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.service.system.untrusted_files import read_end

CANCELLED, REMOVED = "cancelled", "removed"
RECORD_BYTES = 4096
METRIC_BYTES = 4 << 20
MESSAGE_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one run of the job has left. `exit_code` is None while there is no record; `ranks` are codes by end time."""

    number: int
    started: datetime
    place: str = ""
    exit_code: int | None = None
    is_signalled: bool = False
    ranks: tuple[tuple[int, int], ...] = ()
    """(rank, exit code) of the workers that have ended, the first to end first."""
    signalled_after_s: float | None = None
    """How long after its start the job got its last signal; None without one."""

    @property
    def is_success(self) -> bool:
        """Whether the command ended well by itself."""
        return self.exit_code == 0 and not self.is_signalled

    @property
    def worker_code(self) -> int | None:
        """The exit code of the first worker that failed, else that of the job."""
        return self.exit_code if self.failed is None or self.exit_code is None else self.failed[1]

    @property
    def failed(self) -> tuple[int, int] | None:
        """Rank and exit code of the first worker that failed; None when none has."""
        return next(((rank, code) for rank, code in self.ranks if code), None)


@dataclass(frozen=True, slots=True)
class LaunchRecord:
    """What the folder of a launch says. `claim` and `submitted` are ids of jobs; `refusal` is why the job ran nothing.

    Texts are empty for none.
    """

    submitted: str = ""
    claim: str = ""
    is_cancelled: bool = False
    is_removed: bool = False
    refusal: str = ""
    is_started_twice: bool = False
    attempt: Attempt | None = None


class LaunchFiles:
    """The folder of one launch, below the trial's folder."""

    def __init__(self, trial_folder: Path, launch_id: str) -> None:
        self.path = trial_folder / f"slurm-{launch_id}"

    @property
    def batch_script(self) -> Path:
        """The script that is submitted."""
        return self.path / "batch.sh"

    @property
    def messages(self) -> Path:
        """The file of Slurm's own messages; `sbatch` replaces %j by the job's id."""
        return self.path / "slurm-%j.txt"

    def write_scripts(self, batch: bytes, worker: bytes, setup: str) -> None:
        """Write the scripts of the job. Raises OSError."""
        write_atomic(self.path / "setup.sh", setup + "\n")
        write_atomic(self.path / "worker.sh", worker)
        write_atomic(self.batch_script, batch)

    def submitted(self, job_id: str) -> None:
        """Record the job. Raises OSError."""
        write_atomic(self.path / "job", f"{job_id}\n")

    def mark(self, name: str) -> None:
        """Write CANCELLED or REMOVED, if the launch has a folder. Raises OSError."""
        if self.path.exists() and not (self.path / name).exists():
            write_atomic(self.path / name, "")

    def read(self) -> LaunchRecord:
        """Read what the folder says now. Raises OSError other than for missing files."""
        try:
            # Opening the folder makes an NFS client ask for its present content.
            names = {entry.name for entry in self.path.iterdir()}
        except FileNotFoundError:
            return LaunchRecord()
        numbers = sorted(int(name) for name in names if name.isdigit())
        claim = str((self.path / "claim").readlink()) if "claim" in names else ""
        return LaunchRecord(
            submitted=_text(self.path / "job").strip(),
            claim=claim,
            is_cancelled=CANCELLED in names,
            is_removed=REMOVED in names,
            is_started_twice="twice" in names,
            refusal=_text(self.path / "refused").strip() if "refused" in names else "",
            attempt=self._attempt(numbers[-1]) if numbers else None,
        )

    def attempt_folders(self) -> list[Path]:
        """Return the folders of the job's runs, the first run first. Raises OSError."""
        if not self.path.exists():
            return []
        return sorted((path for path in self.path.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))

    def slurm_message(self, job_id: str) -> str:
        """Return the last error that Slurm has written about the job; empty without one."""
        try:
            lines = _text(self.path / f"slurm-{job_id}.txt", MESSAGE_BYTES).splitlines()
        except OSError:
            return ""
        errors = [line.partition("error: ")[2] for line in lines if line.startswith("slurmstepd") and "error: " in line]
        return errors[-1].strip("* ") if errors else ""

    def _attempt(self, number: int) -> Attempt | None:
        folder = self.path / str(number)
        started, _, place = _text(folder / "started").strip().partition(" ")
        if not started:
            return None
        code, is_signalled, *_ = *_text(folder / "exit").split(), "", ""
        exits = sorted(folder.glob("exit.*"), key=lambda path: path.name)
        ended = [(path.name.removeprefix("exit."), *_text(path).split()) for path in exits]
        ranks = sorted((float(row[2]), int(row[0]), int(row[1])) for row in ended if len(row) == 3)
        return Attempt(
            number=number,
            started=datetime.fromtimestamp(float(started), timezone.utc),
            place=place,
            exit_code=int(code) if code else None,
            is_signalled=is_signalled == "1" or (folder / "signalled").exists(),
            ranks=tuple((rank, code) for _, rank, code in ranks),
            signalled_after_s=_signalled_after_s(folder),
        )


def _signalled_after_s(folder: Path) -> float | None:
    """Return the time between the start and the last signal, by the one clock that dates the files of a file system."""
    try:
        return (folder / "signalled").stat().st_mtime - (folder / "started").stat().st_mtime
    except FileNotFoundError:
        return None


def _text(path: Path, limit_bytes: int = RECORD_BYTES) -> str:
    """Return a file's text; empty without a file. Raises OSError: a file that cannot be read now is no missing one."""
    try:
        return read_end(path, limit_bytes).decode(errors="replace")
    except FileNotFoundError:
        return ""
