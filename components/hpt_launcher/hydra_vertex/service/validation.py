"""What the API refuses, and what this service does not have. Pure; every message starts with the field's path."""

from __future__ import annotations

from collections.abc import Collection
from typing import NoReturn

from hydra_vertex.launcher.job import Algorithm, HyperparameterTuningJob, StudySpec, TrialJobSpec

from .space_validation import validate_space
from .status import Refusal, Status

DISPLAY_NAME_LIMIT = 128
STOPPING_RULES = {
    "decayCurveStoppingSpec",
    "medianAutomatedStoppingSpec",
    "convexAutomatedStoppingSpec",
    "convexStopConfig",
    "studyStoppingConfig",
    "transferLearningConfig",
}
JOB_FIELDS = {"encryptionSpec", "satisfiesPzs", "satisfiesPzi"}
STUDY_FIELDS = {"observationNoise"}
POOL_FIELDS = {"diskSpec", "nfsMounts", "lustreMounts"}
METRIC_FIELDS: set[str] = set()


def validate(job: HyperparameterTuningJob) -> None:
    """Raises Refusal: INVALID_ARGUMENT as the real API would, UNIMPLEMENTED for what only the real API can do."""
    if not job.display_name or len(job.display_name) > DISPLAY_NAME_LIMIT:
        _invalid("displayName", f"expected 1 to {DISPLAY_NAME_LIMIT} characters, got {job.display_name!r}")
    _validate_counts(job)
    _validate_study(job.study_spec)
    _validate_trial_job(job.trial_job_spec)
    _refuse_unknown("", job.other, JOB_FIELDS)


def _validate_counts(job: HyperparameterTuningJob) -> None:
    if job.max_trial_count < 1:
        _invalid("maxTrialCount", f"expected 1 or more, got {job.max_trial_count}")
    if job.parallel_trial_count < 1:
        _invalid("parallelTrialCount", f"expected 1 or more, got {job.parallel_trial_count}")
    if job.parallel_trial_count > job.max_trial_count:
        _invalid("parallelTrialCount", f"{job.parallel_trial_count} is more than maxTrialCount {job.max_trial_count}")
    if job.max_failed_trial_count < 0:
        _invalid("maxFailedTrialCount", f"expected 0 or more, got {job.max_failed_trial_count}")


def _validate_study(spec: StudySpec) -> None:
    path = "studySpec"
    _validate_metrics(spec)
    validate_space(spec)
    if spec.algorithm not in {Algorithm.BAYESIAN, Algorithm.RANDOM_SEARCH, Algorithm.GRID_SEARCH}:
        _invalid(f"{path}.algorithm", f"{spec.algorithm.value} is no algorithm")
    for name in sorted(STOPPING_RULES & spec.other.keys()):
        _unimplemented(f"{path}.{name}", "stopping rules and transfer learning")
    _refuse_unknown(path, spec.other, STUDY_FIELDS)


def _validate_metrics(spec: StudySpec) -> None:
    path = "studySpec.metrics"
    if not spec.metrics:
        _invalid(path, "a study needs a metric")
    if len(spec.metrics) > 1:
        _unimplemented(path, f"studies of several metrics (here {', '.join(m.id for m in spec.metrics)})")
    if not spec.objective.id:
        _invalid(f"{path}[0].metricId", "is empty")
    if "safetyConfig" in spec.objective.other:
        _unimplemented(f"{path}[0].safetyConfig", "safety metrics")
    _refuse_unknown(f"{path}[0]", spec.objective.other, METRIC_FIELDS)


def _validate_trial_job(spec: TrialJobSpec) -> None:
    path = "trialJobSpec.workerPoolSpecs"
    if not spec.worker_pools:
        _invalid(path, "expected a worker pool")
    if len(spec.worker_pools) > 1:
        _unimplemented(path, "trials of more than one worker pool")
    if spec.timeout_s is not None and spec.timeout_s <= 0:
        _invalid("trialJobSpec.scheduling.timeout", f"expected more than 0s, got {spec.timeout_s}s")
    pool, path = spec.worker_pools[0], f"{path}[0]"
    if pool.replica_count != 1:
        _unimplemented(f"{path}.replicaCount", f"trials of {pool.replica_count} replicas")
    if "pythonPackageSpec" in pool.other:
        _unimplemented(f"{path}.pythonPackageSpec", "Python packages in place of a command")
    _refuse_unknown(path, pool.other, POOL_FIELDS)
    if pool.container is None or not pool.container.command or not pool.container.command[0]:
        _invalid(
            f"{path}.containerSpec.command",
            "is empty; trials are processes of this machine here, so no image's ENTRYPOINT stands in for a command",
        )
    for name, value in pool.container.env.items():
        if not name or "=" in name or "\0" in name + value:
            _invalid(f"{path}.containerSpec.env", f"{name!r} cannot be the name of an environment variable")
    if any("\0" in part for part in (*pool.container.command, *pool.container.args)):
        _invalid(f"{path}.containerSpec", "a command cannot hold a NUL character")


def _refuse_unknown(path: str, given: Collection[str], known: set[str]) -> None:
    for name in sorted(set(given) - known):
        _invalid(f"{path}.{name}" if path else name, "is no field of the API")


def _invalid(field: str, problem: str) -> NoReturn:
    raise Refusal(Status.INVALID_ARGUMENT, f"{field}: {problem}")


def _unimplemented(field: str, what: str) -> NoReturn:
    raise Refusal(
        Status.UNIMPLEMENTED, f"{field}: {what} are not in the embedded service; leave them out, or run on Vertex AI"
    )
