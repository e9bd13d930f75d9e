"""The logs of the trials in the folder of a run, for its report."""

from __future__ import annotations

from pathlib import Path

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.job.confirmation import job_id
from hydra_vertex.launcher.logs import StudyLogs
from hydra_vertex.launcher.logs.study_logs import CHARACTERS, LINES
from hydra_vertex.protocol.secret_references import is_meant_as_reference
from hydra_vertex.service.trials.log_end import log_end, study_logs

from .run_folder import RunFolder


def logs_beside(file: Path, job: HyperparameterTuningJob) -> StudyLogs | None:
    """Return the ends of the logs in the folder of the run whose job was read from `file`; None outside of such.

    `file` is job.json, or the database of the run's service. The logs are read where the service has them: it knows
    there which texts are secrets that a trial has read from Secret Manager. Without that folder they are read from
    `logs/`, unless trials have read such secrets.
    """
    folder = _folder_of(file)
    if not folder.plan.is_file():
        return None
    in_full = f"The whole logs are {folder.path.name}/logs/trial-N.log."
    trials = folder.studies / "jobs" / job_id(job.name) / "trials"
    if job_id(job.name) and (ends := study_logs(trials, LINES, CHARACTERS)):
        # A run that was killed has not copied them.
        is_copied = folder.trial_log(next(iter(ends))).exists()
        place = trials.relative_to(folder.path.parent)
        return StudyLogs(ends, in_full if is_copied else f"The whole logs are {place}/N/log.txt.")
    if _reads_secrets(job):
        return StudyLogs(
            note="The logs are not on this page: the trials have read secrets from Secret Manager, and the folder "
            f"{folder.path.name}/studies, by which these are recognised in a log, is missing. {in_full}"
        )
    ids = [trial.id for trial in job.trials if trial.id.isalnum()]  # a part of a path
    found = {trial: log_end(folder.trial_log(trial), LINES, CHARACTERS) for trial in ids}
    return StudyLogs({trial: text for trial, text in found.items() if text is not None}, in_full)


def _folder_of(file: Path) -> RunFolder:
    parent = file.absolute().parent
    above = RunFolder(parent.parent)
    return above if above.studies == parent and above.plan.is_file() else RunFolder(parent)


def _reads_secrets(job: HyperparameterTuningJob) -> bool:
    containers = [pool.container for pool in job.trial_job_spec.worker_pools if pool.container is not None]
    return any(is_meant_as_reference(value) for container in containers for value in container.env.values())
