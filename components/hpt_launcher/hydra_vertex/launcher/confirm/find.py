"""Finds the job that has repeated the best configurations of a study: beside its document, or in its service."""

from __future__ import annotations

from pathlib import Path

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.job.confirmation import CONFIRMS_LABEL, job_id
from hydra_vertex.launcher.best.selection import ended_without_success
from hydra_vertex.launcher.files.job_file import read_job
from hydra_vertex.launcher.study.job_source import JobSource

from .result import Confirmation, confirmation_of

FILE = "confirmation.json"
"""The file of the job in the folder of a run, beside the study's job.json."""


def find_confirmation(source: JobSource, study: HyperparameterTuningJob) -> Confirmation | None:
    """Return the newest result of a study's repeats; None when there are none.

    Those of a document are in the same folder. Raises OutputError for a file that is not a job, ServiceError when the
    service does not answer.
    """
    job = _in_service(source) if source.document is None else _beside(Path(source.place), study)
    return None if job is None else confirmation_of(study, job)


def _beside(place: Path, study: HyperparameterTuningJob) -> HyperparameterTuningJob | None:
    file = place.with_name(FILE)
    if place == file or not file.is_file():
        return None
    job = read_job(file)
    return job if _confirms(job, study) else None


def _in_service(source: JobSource) -> HyperparameterTuningJob | None:
    service, name = source.connected()
    parent = name.rpartition("/hyperparameterTuningJobs/")[0]
    listed = service.list(parent, f'labels.{CONFIRMS_LABEL}="{job_id(name)}"')
    # The newest is first; a list need not have the trials.
    found = next((job for job in listed if job.state.is_terminal and not ended_without_success(job)), None)
    return None if found is None else service.get(found.name)


def _confirms(job: HyperparameterTuningJob, study: HyperparameterTuningJob) -> bool:
    return bool(study.name) and job.labels.get(CONFIRMS_LABEL) == job_id(study.name)
