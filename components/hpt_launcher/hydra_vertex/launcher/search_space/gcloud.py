"""The YAML that `gcloud ai hp-tuning-jobs create --config` takes: a job document's own fields."""

from __future__ import annotations

from hydra_vertex.job import parse_job
from hydra_vertex.protocol.errors import DocumentError, SearchSpaceError
from hydra_vertex.protocol.json import JsonObject

from .search_space import DEFAULT_PARALLEL_COUNT, DEFAULT_TRIAL_COUNT, SearchSpace


def parse(document: JsonObject, source: str) -> SearchSpace:
    """The space, and the counts and trial job where the file has them."""
    try:
        job = parse_job(document)
    except DocumentError as error:
        raise SearchSpaceError(f"{source}: {error}") from error
    if not job.study_spec.parameters:
        raise SearchSpaceError(f"{source}: studySpec.parameters is empty; there is nothing to search")
    if not job.study_spec.metrics:
        raise SearchSpaceError(f"{source}: studySpec.metrics is empty; name the metric that the app returns")
    return SearchSpace(
        study_spec=job.study_spec,
        max_trial_count=job.max_trial_count or DEFAULT_TRIAL_COUNT,
        parallel_trial_count=job.parallel_trial_count or DEFAULT_PARALLEL_COUNT,
        trial_job_spec=job.trial_job_spec if job.trial_job_spec.worker_pools else None,
    )
