"""Parses the YAML of `gcloud ai hp-tuning-jobs create --config`, whose fields are those of a job document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hydra_vertex.job import (
    Categorical,
    Goal,
    HyperparameterTuningJob,
    IntegerRange,
    MetricSpec,
    TrialJobSpec,
    dump_job,
    parse_job,
    walk_parameters,
)
from hydra_vertex.job.lost_fields import require_kept
from hydra_vertex.launcher.arguments import argument_problem
from hydra_vertex.launcher.files.json_form import unusual_values
from hydra_vertex.launcher.limits import MAX_COUNT
from hydra_vertex.launcher.text.terminal import excerpt, is_name
from hydra_vertex.protocol.errors import DocumentError, SearchSpaceError
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.protocol.sweep_values import EXACT_DOUBLE

from .gcloud_container import app_environment, shared_args, without_args
from .search_space import DEFAULT_PARALLEL_COUNT, DEFAULT_TRIAL_COUNT, SearchSpace
from .trial_program import trial_program, without_trial_program
from .unfilled import unfilled

OUTPUT_FIELDS = frozenset(
    {"name", "state", "trials", "createTime", "startTime", "endTime", "updateTime", "error", "stoppingReason"}
    | {"satisfiesPzs", "satisfiesPzi"}
)
"""Fields that a service sets: the API ignores them in a new job."""


def parse(document: JsonObject, source: str) -> SearchSpace:
    """Parse the search space and the other fields of the job. Raises SearchSpaceError naming the field."""
    for sentence in unusual_values(document):
        raise SearchSpaceError(f"{source}: {sentence}")
    for path, text in unfilled(document):
        raise SearchSpaceError(f"{source}: {path} has the placeholder {excerpt(text)}; write the value in its place")
    given = {name: value for name, value in document.items() if name not in OUTPUT_FIELDS}
    try:
        job = parse_job(given)
        require_kept(given, dump_job(job), "")
    except DocumentError as error:
        raise SearchSpaceError(f"{source}: {error}") from error
    _check_counts(job, source)
    _check_names(job, source)
    _check_domains(job, source)
    program = trial_program(job.trial_job_spec, job.study_spec.metric_text, source)
    spec = without_trial_program(job.trial_job_spec)
    return SearchSpace(
        study_spec=replace(job.study_spec, metrics=tuple(map(_with_goal, job.study_spec.metrics))),
        max_trial_count=job.max_trial_count or DEFAULT_TRIAL_COUNT,
        parallel_trial_count=job.parallel_trial_count or DEFAULT_PARALLEL_COUNT,
        trial_job_spec=None if spec == TrialJobSpec(worker_pools=()) else without_args(spec),
        display_name=job.display_name,
        max_failed_trial_count=job.max_failed_trial_count,
        labels=job.labels,
        app_args=shared_args(spec, source),
        app_env=app_environment(spec),
        job_fields=job.other,
        app=program.app,
        monitor=program.monitor,
        sweeps=program.sweeps,
        aliases=program.aliases,
        notices=tuple(_notices(document, job)),
    )


def _notices(document: JsonObject, job: HyperparameterTuningJob) -> Iterator[str]:
    if ignored := sorted(OUTPUT_FIELDS & document.keys()):
        verb, them = ("has", "it") if len(ignored) == 1 else ("have", "them")
        yield f"{', '.join(ignored)} {verb} no effect, because the service sets {them} in a new job"
    if without := [metric.id for metric in job.study_spec.metrics if metric.goal is Goal.UNSPECIFIED]:
        them = " and ".join(without)
        yield f"no goal for {them}: the API maximizes then; write goal: MINIMIZE where lower is better"
    if not job.max_trial_count:
        yield f"maxTrialCount is not set: {DEFAULT_TRIAL_COUNT} trials unless --trials says otherwise (gcloud: 1)"
    if not job.parallel_trial_count:
        at_once = f"{DEFAULT_PARALLEL_COUNT} trials at once"
        yield f"parallelTrialCount is not set: {at_once} unless --parallel says otherwise (gcloud: 1)"


def _with_goal(metric: MetricSpec) -> MetricSpec:
    """Return the metric with the goal that the API takes where none is set.

    Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/StudySpec#goaltype
    """
    return replace(metric, goal=Goal.MAXIMIZE) if metric.goal is Goal.UNSPECIFIED else metric


def _check_counts(job: HyperparameterTuningJob, source: str) -> None:
    counts = {
        "maxTrialCount": job.max_trial_count,
        "parallelTrialCount": job.parallel_trial_count,
        "maxFailedTrialCount": job.max_failed_trial_count,
    }
    for name, number in counts.items():
        # In the API's JSON, 0 means that the field is not set.
        if not 0 <= number <= MAX_COUNT:
            raise SearchSpaceError(
                f"{source}: {name} is {excerpt(number, 40)}; expected a whole number from 1 to {MAX_COUNT}"
            )


def _check_names(job: HyperparameterTuningJob, source: str) -> None:
    if not job.study_spec.parameters:
        raise SearchSpaceError(f"{source}: studySpec.parameters is empty; there is nothing to search")
    if not job.study_spec.metrics:
        raise SearchSpaceError(f"{source}: studySpec.metrics is empty; name the metric that the app returns")
    names = [("parameterId", spec.id) for spec in walk_parameters(job.study_spec.parameters)]
    for field, name in [*names, *(("metricId", metric.id) for metric in job.study_spec.metrics)]:
        if not is_name(name):
            raise SearchSpaceError(
                f"{source}: {field} is {excerpt(repr(name))}; expected a name without spaces and control characters"
            )
    if not job.display_name.isprintable():
        raise SearchSpaceError(
            f"{source}: displayName is {excerpt(repr(job.display_name))}; expected text without control characters"
        )


def _check_domains(job: HyperparameterTuningJob, source: str) -> None:
    for spec in walk_parameters(job.study_spec.parameters):
        where = f"{source}: {excerpt(spec.id)}"
        match spec.domain:
            case IntegerRange(low, high) if not -EXACT_DOUBLE <= low <= high <= EXACT_DOUBLE:
                raise SearchSpaceError(
                    f"{where}: integerValueSpec from {excerpt(low, 40)} to {excerpt(high, 40)}; "
                    f"expected minValue <= maxValue, both from -{EXACT_DOUBLE} to {EXACT_DOUBLE}"
                )
            case Categorical(values):
                for value in values:
                    if problem := argument_problem(value):
                        raise SearchSpaceError(f"{where}: {excerpt(repr(value))} {problem}")
