"""The folder of one local run: its layout, the check that it belongs to this run, and copies into it.

::

    job.json  best.yaml  overrides.txt  report.html     the result
    machines.json                                       CPU, memory and GPU of each trial over time
    config/experiment/best.yaml                         best.yaml again, where Hydra's --config-dir finds it
    model/                                              the output of the retraining
    confirmation.json                                   the finished job of the repeats, with --confirm
    logs/trial-1.log …                                  stdout and stderr of each trial
    logs/confirmation-trial-1.log …                     those of each repeat
    pipeline.json  plan.json                            the compiled pipeline and its arguments
    pipeline/  studies/  pipeline.log  service.log      artifacts of the steps, state of the service, logs
    .run.lock                                           the process that runs in it, and how to continue it
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hydra_vertex.job.machine_use import MACHINES_FILE, MachineUse, dump_machine_use
from hydra_vertex.launcher.confirm.find import FILE as CONFIRMATION_FILE
from hydra_vertex.launcher.files.json_form import load_json
from hydra_vertex.launcher.files.reading import PLAN_FILE
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.protocol.json import Json
from hydra_vertex.service.machines.study_curves import read_study

from .run_lock import LOCK_NAME, unusable

_OTHERS = 0o077
COUNTS = ("max_trial_count", "parallel_trial_count", "max_failed_trial_count")
"""The pipeline's arguments that a run on the folder of an earlier one may change."""
_DECISIONS = (
    "on_unsuccessful_job",
    "metric_threshold",
    "on_missed_threshold",
    "retraining",
    "warm_start_key",
    "confirm",
    "prefer",
    "on_stop",
    "log_experiment",
)
"""What is decided after the study, or belongs to each start, so it may be changed too."""
_LIMITS = ("max_cost", "max_worker_hours", "hourly_prices")
"""What ends a study early, and so belongs to each start of a run."""

LOG_LIMIT_BYTES = 64 << 20
"""The limit of the copy of a trial's log. Slurm's own logs have none, those of the other engines have this one."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of a run. The path is absolute, because steps may have other working directories."""

    path: Path

    @property
    def plan(self) -> Path:
        """The pipeline's arguments. A folder that has this file is the folder of a run."""
        return self.path / "plan.json"

    @property
    def pipeline(self) -> Path:
        """The compiled pipeline that was run."""
        return self.path / "pipeline.json"

    @property
    def pipeline_root(self) -> Path:
        """The folder for the steps' artifacts."""
        return self.path / "pipeline"

    @property
    def studies(self) -> Path:
        """The folder of the tuning service."""
        return self.path / "studies"

    @property
    def job(self) -> Path:
        """The finished job document."""
        return self.path / "job.json"

    @property
    def machines(self) -> Path:
        """What the machines of the trials were busy with."""
        return self.path / MACHINES_FILE

    @property
    def confirmation(self) -> Path:
        """The finished job document of the repeats of the best configurations."""
        return self.path / CONFIRMATION_FILE

    @property
    def best(self) -> Path:
        """The best trial's experiment file."""
        return self.path / "best.yaml"

    @property
    def pareto(self) -> Path:
        """The experiment files of the Pareto set, in a study of several objectives."""
        return self.path / "pareto"

    @property
    def overrides(self) -> Path:
        """The best trial's overrides."""
        return self.path / "overrides.txt"

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.path / "report.html"

    @property
    def model(self) -> Path:
        """The retrained model."""
        return self.path / "model"

    @property
    def config_dir(self) -> Path:
        """The value for Hydra's `--config-dir`."""
        return self.path / "config"

    def log(self, name: str) -> Path:
        """Return the path of a log of the run: `pipeline` or `service`."""
        return self.path / f"{name}.log"

    def trial_log(self, trial_id: str, name: str = "trial") -> Path:
        """Return the path of the log of a trial, or with the name `confirmation-trial` of a repeat."""
        return self.path / "logs" / f"{name}-{trial_id}.log"


def recorded_arguments(folder: RunFolder) -> dict[str, Json]:
    """Return the arguments of the folder's run; empty when it has none, or a plan that is no object."""
    if not folder.plan.exists():
        return {}
    known = load_json(folder.plan, PLAN_FILE)
    return dict(known) if isinstance(known, dict) else {}


def goes_on(folder: RunFolder, arguments: Mapping[str, str | int]) -> bool:
    """Whether the folder has an earlier start of the same run, finished or not; False for an empty or a new folder.

    A run with other COUNTS is the same run.

    Changes nothing. Raises OutputError when the folder has another study or other files.
    """
    try:
        if folder.plan.exists():
            return _is_same(folder, dict(arguments))
        if folder.path.exists() and any(path.name != LOCK_NAME for path in folder.path.iterdir()):
            raise OutputError(f"{folder.path}: is not empty and has no run; give --out an empty or a new folder")
    except OSError as error:
        raise unusable(folder.path, error) from error
    return False


def make_private(folder: RunFolder) -> None:
    """Remove the access of other users to the folder and the files directly in it, which an earlier version made.

    Raises OutputError when the folder belongs to another user.
    """
    try:
        for path in (folder.path, *folder.path.iterdir()):
            status = path.lstat()
            if status.st_mode & _OTHERS and not stat.S_ISLNK(status.st_mode):
                path.chmod(stat.S_IMODE(status.st_mode) & ~_OTHERS)
    except PermissionError as error:
        raise OutputError(
            f"{error.filename}: belongs to another user, and the files of a run are for its user only; give --out a "
            "folder of your own"
        ) from error
    except OSError as error:
        raise unusable(folder.path, error) from error


def claim(folder: RunFolder, arguments: Mapping[str, str | int]) -> bool:
    """Write the run's plan into the folder. True when a plan of the same run was there, and the run continues.

    The caller holds the folder's lock. Raises OutputError as `goes_on` does, and when the folder cannot be written.
    """
    is_continued = goes_on(folder, arguments)
    asked: dict[str, Json] = dict(arguments)
    try:
        write_atomic(folder.plan, json.dumps(asked, indent=2) + "\n")
    except OSError as error:
        raise unusable(folder.path, error) from error
    return is_continued


def _is_same(folder: RunFolder, asked: Mapping[str, Json]) -> bool:
    known = recorded_arguments(folder)
    changed = sorted(
        key for key in {*known, *asked} - {*COUNTS, *_DECISIONS, *_LIMITS} if known.get(key) != asked.get(key)
    )
    if not changed:
        return True
    raise OutputError(
        f"{folder.path}: has another study (different: {', '.join(changed)}); "
        "give --out a new folder, or repeat the command that started that study to continue it"
    )


def keep_file(source: Path, target: Path) -> None:
    """Copy a step's artifact to the result, completely or not at all."""
    write_atomic(target, source.read_bytes())


def keep_tree(source: Path, target: Path) -> None:
    """Copy a folder (or file) artifact to the result; it replaces that of an earlier run.

    Raises OutputError or OSError when the artifact cannot be copied.
    """
    beside = target.with_name(f".{target.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        if source.is_dir():
            shutil.copytree(source, beside)
        else:
            beside.mkdir(parents=True)
            shutil.copy2(source, beside / source.name)
    except BaseException as error:
        # On a full disk, an incomplete copy would leave less space for the next attempt.
        shutil.rmtree(beside, ignore_errors=True)
        if isinstance(error, shutil.Error):
            _, place, reason = error.args[0][0]
            raise OutputError(f"{place}: cannot be copied from {source} ({reason})") from error
        raise
    shutil.rmtree(target, ignore_errors=True)
    beside.rename(target)


def link_experiment(folder: RunFolder) -> None:
    """Link best.yaml, and the folder `pareto` if there is one, to where `--config-dir` and `experiment=best` find them.

    The links are relative, so the folder can be moved.
    """
    experiments = folder.config_dir / "experiment"
    experiments.mkdir(parents=True, exist_ok=True)
    for target in (folder.best, folder.pareto):
        link = experiments / target.name
        link.unlink(missing_ok=True)
        if target.exists():
            link.symlink_to(os.path.relpath(target, link.parent))


def remove_trial_logs(folder: RunFolder, name: str) -> None:
    """Remove the logs `logs/NAME-N.log` that an earlier start of the run has left."""
    for log in folder.path.glob(f"logs/{name}-*.log"):
        log.unlink()


def keep_trial_logs(folder: RunFolder, study: str = "*", name: str = "trial") -> None:
    """Copy the log of every trial that has one to `logs/NAME-N.log`. `study` is the id of a job; `*`: of all jobs."""
    for log in folder.studies.glob(f"jobs/{study}/trials/*/log.txt"):
        write_atomic(folder.trial_log(log.parent.name, name), _beginning_and_end(log))


def _beginning_and_end(log: Path) -> bytes:
    """Return a log; of one that is longer than LOG_LIMIT_BYTES its first and its last quarter of the limit."""
    quarter = LOG_LIMIT_BYTES // 4
    with log.open("rb") as file:
        left_out = file.seek(0, os.SEEK_END) - 2 * quarter
        file.seek(0)
        if left_out <= 2 * quarter:
            return file.read(LOG_LIMIT_BYTES)
        beginning = file.read(quarter)
        file.seek(quarter + left_out)
        end = file.read(quarter)
    return beginning + f"\n[... {left_out} bytes of log left out here ...]\n".encode() + end


def keep_machines(folder: RunFolder, study: str) -> None:
    """Write what the machines of a job's trials were busy with, if any was measured. `study` is the id of the job."""
    if use := machines_in(folder.studies, study):
        write_atomic(folder.machines, json.dumps(dump_machine_use(use)))


def machines_in(studies: Path, study: str) -> MachineUse:
    """Return what the machines of a job's trials were busy with. `studies` is the folder of its service."""
    return read_study(studies / "jobs" / study / "trials")
