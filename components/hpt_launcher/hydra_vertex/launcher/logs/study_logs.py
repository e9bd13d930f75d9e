"""The ends of the logs of a study's trials, and where the logs are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.launcher.study.client import is_google_region
from hydra_vertex.launcher.study.ending import log_query

LINES, CHARACTERS = 80, 8000
"""The part of a log that is read: twice what a report shows, because secrets are masked before it is cut."""


@dataclass(frozen=True, slots=True)
class StudyLogs:
    """The ends of the logs by the trial's id, as its service has them: not masked by the secrets of the job.

    An empty end is that of an empty log. `note` is one sentence about where the logs are, or why there are none.
    """

    ends: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


NO_LOGS = StudyLogs()


def logs_elsewhere(job: HyperparameterTuningJob) -> StudyLogs:
    """Return where the logs of a job are that no file and no service here has."""
    parts = job.name.split("/")
    if len(parts) == 6 and is_google_region(parts[3]) and log_query(job.name):
        return StudyLogs(note=f"The logs of the trials are in Cloud Logging, with the query {log_query(job.name)}")
    return StudyLogs(note="The logs of the trials are not with this job document: they are where its trials ran.")
