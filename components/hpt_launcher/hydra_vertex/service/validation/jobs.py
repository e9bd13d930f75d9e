"""Validates tuning jobs and custom jobs. Pure; every message starts with the path of the field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from hydra_vertex.job import Algorithm, CustomJob, HyperparameterTuningJob, StudySpec
from hydra_vertex.job.quoting import quoted

from .job_spec import validate_display_name, validate_job_spec, validate_labels
from .refusals import invalid, refuse_unknown, unimplemented
from .search_space import validate_space
from .stopping import validate_stopping

PREVIEW_FIELDS = {"convexStopConfig", "transferLearningConfig"}
"""Fields of v1beta1 that v1 does not have."""
JOB_FIELDS = {"encryptionSpec", "satisfiesPzs", "satisfiesPzi"}
STUDY_FIELDS = {"observationNoise"}
METRIC_FIELDS: set[str] = set()


def validate(job: HyperparameterTuningJob) -> None:
    """Raises Refusal: INVALID_ARGUMENT as the real API would, UNIMPLEMENTED for what only the real API can do."""
    validate_display_name(job.display_name)
    validate_labels(job.labels)
    _validate_counts(job)
    _validate_study(job.study_spec)
    validate_job_spec(job.trial_job_spec, "trialJobSpec")
    refuse_unknown("", job.other, JOB_FIELDS)


def validate_custom_job(job: CustomJob) -> None:
    """Raises Refusal, as `validate` does."""
    validate_display_name(job.display_name)
    validate_labels(job.labels)
    validate_job_spec(job.spec, "jobSpec")
    refuse_unknown("", job.other, JOB_FIELDS)


def _validate_counts(job: HyperparameterTuningJob) -> None:
    if job.max_trial_count < 1:
        invalid("maxTrialCount", f"expected 1 or more, got {job.max_trial_count}")
    if job.parallel_trial_count < 1:
        invalid("parallelTrialCount", f"expected 1 or more, got {job.parallel_trial_count}")
    if job.parallel_trial_count > job.max_trial_count:
        invalid("parallelTrialCount", f"{job.parallel_trial_count} is more than maxTrialCount {job.max_trial_count}")
    if job.max_failed_trial_count < 0:
        invalid("maxFailedTrialCount", f"expected 0 or more, got {job.max_failed_trial_count}")


def _validate_study(spec: StudySpec) -> None:
    path = "studySpec"
    _validate_metrics(spec)
    validate_space(spec)
    if spec.algorithm not in {Algorithm.BAYESIAN, Algorithm.RANDOM_SEARCH, Algorithm.GRID_SEARCH}:
        invalid(f"{path}.algorithm", f"{spec.algorithm.value} is not an algorithm")
    validate_stopping(spec)
    for name in sorted(PREVIEW_FIELDS & spec.other.keys()):
        unimplemented(f"{path}.{name}", "fields of v1beta1")
    refuse_unknown(path, spec.other, STUDY_FIELDS)


def _validate_metrics(spec: StudySpec) -> None:
    path = "studySpec.metrics"
    if not spec.metrics:
        invalid(path, "a study needs at least one metric")
    for index, metric in enumerate(spec.metrics):
        if not metric.id:
            invalid(f"{path}[{index}].metricId", "is empty")
        if any(character.isspace() for character in metric.id):
            invalid(f"{path}[{index}].metricId", f"{quoted(metric.id)} contains white space")
        if "safetyConfig" in metric.other:
            unimplemented(f"{path}[{index}].safetyConfig", "safety metrics")
        refuse_unknown(f"{path}[{index}]", metric.other, METRIC_FIELDS)
    for name in _repeated([metric.id for metric in spec.metrics]):
        invalid(path, f"metricId {quoted(name)} is given more than once")


def _repeated(values: Sequence[str]) -> Iterator[str]:
    return (value for value, count in Counter(values).items() if count > 1)
