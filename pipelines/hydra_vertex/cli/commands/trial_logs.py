"""The logs of a study's trials for the report: where they are read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hydra_vertex.job import HyperparameterTuningJob
    from hydra_vertex.launcher.logs import StudyLogs
    from hydra_vertex.launcher.study.job_source import JobSource


def logs_of_source(source: JobSource | None, job: HyperparameterTuningJob) -> StudyLogs:
    """Return the ends of the logs of a job: from the folder of its run, else from its service, else where they are.

    `source` is None for the study of an Optuna storage.
    """
    from hydra_vertex.launcher.logs import StudyLogs
    from hydra_vertex.launcher.logs.from_service import logs_of
    from hydra_vertex.launcher.logs.study_logs import logs_elsewhere
    from hydra_vertex.pipelines.local.run_logs import logs_beside

    if source is None:
        return StudyLogs(note="An Optuna storage has no logs of its trials.")
    if source.document is None:
        return logs_of(job, "" if source.reference is None else source.reference.api_endpoint)
    return logs_beside(Path(source.place), job) or logs_elsewhere(job)
