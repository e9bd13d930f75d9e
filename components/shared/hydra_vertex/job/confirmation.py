"""The labels of a job that repeats the best configurations of a study. The study's own job has none of them."""

from __future__ import annotations

from .document import HyperparameterTuningJob

CONFIRMS_LABEL = "hydra_vertex_confirms"
"""The label with the id of the study's job, the last part of its resource name."""


def is_confirmation(job: HyperparameterTuningJob) -> bool:
    """Whether the job repeats configurations of another job."""
    return CONFIRMS_LABEL in job.labels


def job_id(name: str) -> str:
    """Return the last part of a resource name."""
    return name.rpartition("/")[2]
