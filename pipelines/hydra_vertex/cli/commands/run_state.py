"""The run whose folder a command names, where no service of it answers: what there is of it, and how it goes on."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hydra_vertex.job import HyperparameterTuningJob
    from hydra_vertex.launcher.secrets.masker import Masker
    from hydra_vertex.launcher.study.job_source import JobSource
    from hydra_vertex.pipelines.local.run_lock import LastRun


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run with an unfinished study, as its folder has it: it was stopped, or its service is out of reach."""

    folder: Path

    def last(self) -> LastRun:
        """Return the process that runs in the folder now, or ran before."""
        from hydra_vertex.pipelines.local.run_lock import last_run

        return last_run(self.folder)

    def job(self) -> HyperparameterTuningJob | None:
        """Return the newest state of the study; None while there is none. Raises OutputError."""
        from hydra_vertex.service.stored_jobs import newest_study

        return newest_study(self.folder / "studies")

    def again(self, mask: Masker) -> str:
        """Return the command that continues the run; empty when the folder does not say it."""
        from hydra_vertex.launcher.secrets.shell import shell_command

        last = self.last()
        if not last.again:
            return ""
        command = str(shell_command(shlex.split(last.again, comments=True), mask))
        is_here = not last.directory or Path(last.directory) == Path.cwd()
        return command if is_here else f"cd {shlex.quote(last.directory)} && {command}"

    def how_to_continue(self, mask: Masker) -> str:
        """Return how the run goes on, as the end of a message."""
        command = self.again(mask)
        if not command:
            return f"To continue, repeat the command that started it, with --out {shlex.quote(str(self.folder))}"
        return f"To continue: {command}"

    def problem(self, job: HyperparameterTuningJob, mask: Masker) -> str:
        """Return why there is nothing to wait for: how far the study came, and how it goes on."""
        return (
            f"{self.folder}: no run is in progress in it, and its study has not ended: {_how_far(job)}. "
            f"{self.how_to_continue(mask)}\n"
            f"For what there is: hydra-vertex report {shlex.quote(str(self.folder))}, and `best` in place of `report`"
        )


def run_folder_of(text: str) -> Path | None:
    """Return the folder of the run to which a text refers, which is the folder or its job.json; None for any other."""
    from hydra_vertex.service.stored_jobs import database_of

    if text == "-":
        return None
    path = Path(text)
    try:
        folder = path.parent if path.name == "job.json" else path
        is_run = (folder / "plan.json").is_file() or database_of(folder / "studies").is_file()
    except (OSError, ValueError):  # the text is no path
        return None
    return folder if is_run else None


def stored_run(text: str, source: JobSource) -> StoredRun | None:
    """Return the run of a document whose study has not ended; None for a job that a service is asked for."""
    from hydra_vertex.launcher.study.client import is_google_region

    job, reference, folder = source.document, source.reference, run_folder_of(text)
    if job is None or job.state.is_terminal or folder is None:
        return None
    has_service = reference is not None and (bool(reference.api_endpoint) or is_google_region(reference.location))
    return None if has_service else StoredRun(folder)


def rest_of_run(text: str, job: HyperparameterTuningJob, mask: Masker) -> str:
    """Return how a run goes on that was stopped, or has failed, after its study has ended; empty for any other."""
    folder = run_folder_of(text)
    if folder is None or not job.state.is_terminal:
        return ""
    run = StoredRun(folder)
    last = run.last()
    if last.is_running or not last.again:
        return ""
    return f"{folder}: the study has ended, and its run did not come to its end. {run.how_to_continue(mask)}"


def without_study(text: str) -> str:
    """Return why a run's folder has no study yet, and what to do; empty for a text that is no such folder."""
    from hydra_vertex.launcher.secrets.masker import NO_SECRETS

    folder = Path(text)
    run = StoredRun(folder)
    last = run.last()
    if last.is_running:
        return f"{folder}: its run ({last.holder}) has not begun its study yet; try again in a moment"
    if run_folder_of(text) is None and not last.again:
        return ""
    return f"{folder}: its run has ended before its study began. {run.how_to_continue(NO_SECRETS)}"


def _how_far(job: HyperparameterTuningJob) -> str:
    from hydra_vertex.launcher.study.status import best_of

    ended = sum(trial.state.is_terminal for trial in job.trials)
    best = best_of(job)
    value = None if best is None else best.objective(job.study_spec.objective.id)
    found = "" if best is None or value is None else f"; the best so far is trial {best.id} with {value:.6g}"
    return f"{ended} of at most {job.max_trial_count} trials have ended{found}"
