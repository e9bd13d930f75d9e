"""Summarises a job in a few lines: state, trials by state, best so far, error, and its places in Google Cloud. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from hydra_vertex.job import HyperparameterTuningJob, Trial
from hydra_vertex.job.fields import format_time
from hydra_vertex.launcher.best.members import rule_of
from hydra_vertex.launcher.best.selection import pareto_set, rank
from hydra_vertex.launcher.secrets.masker import Masker
from hydra_vertex.launcher.text.formatting import format_duration, format_value
from hydra_vertex.protocol.json import Json, JsonObject

from .client import is_google_region
from .ending import console_page, log_query
from .progress import progress, trial_list

TO_GO = "to go"
"""The heading of the time that a study needs until its end."""


def status_document(job: HyperparameterTuningJob, mask: Masker, *, is_local: bool = False) -> JsonObject:
    """Return the summary for `--json`. Absent values are null; `console` and `log` are those of jobs on Google Cloud.

    `is_local`: the job is in a service on this machine.
    """
    best, is_on_google = best_of(job), not is_local and _is_on_google(job)
    times = {"createTime": job.create_time, "startTime": job.start_time, "endTime": job.end_time}
    return {
        "name": job.name,
        "displayName": mask.text(job.display_name),
        "state": job.state.value,
        "error": mask.text(job.error.message) if job.error is not None else None,
        "stoppingReason": mask.text(job.stopping_reason) or None,
        "maxTrialCount": job.max_trial_count,
        "parallelTrialCount": job.parallel_trial_count,
        "trials": dict(trial_counts(job)),
        "metric": _metric(job) or None,
        "best": None if best is None else _best_document(job, best, mask),
        **_pareto_document(job, mask),
        "labels": dict(job.labels),
        **{name: None if moment is None else format_time(moment) for name, moment in times.items()},
        "console": console_page(job.name) or None if is_on_google else None,
        "log": log_query(job.name) or None if is_on_google else None,
    }


def status_lines(
    job: HyperparameterTuningJob, now: datetime, mask: Masker, *, is_local: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield the summary as pairs of a heading and a text, without the parts that the job does not have."""
    counts = ", ".join(f"{number} {state}" for state, number in trial_counts(job).items())
    state, best = progress(job, now), best_of(job)
    yield "job", job.name or "(without a name)"
    yield "display name", mask.text(job.display_name)
    yield "state", job.state.value
    if job.error is not None and job.error.message:
        yield "error", mask.text(job.error.message)
    if job.stopping_reason:
        yield "stopped by", job.stopping_reason
    yield "trials", f"{counts or 'none'}; at most {job.max_trial_count}, {job.parallel_trial_count} at once"
    if best is not None and job.study_spec.has_several_objectives:
        yield "Pareto set", trial_list(pareto_set(job))
        yield "selected", f"{_best_text(job, best, mask)}; {mask.text(rule_of(job))}"
    elif best is not None:
        yield "best so far", _best_text(job, best, mask)
    yield "elapsed", format_duration(max(0.0, state.elapsed_s))
    if state.remaining_s is not None:
        yield TO_GO, f"about {format_duration(state.remaining_s)}"
    if not is_local and _is_on_google(job):
        yield "console", console_page(job.name)
        yield "log", log_query(job.name)


def trial_counts(job: HyperparameterTuningJob) -> Counter[str]:
    """Return the number of trials by the name of their state."""
    return Counter(trial.state.value for trial in job.trials)


def best_of(job: HyperparameterTuningJob) -> Trial | None:
    """Return the best trial so far; None while there is none, and for a job without a metric."""
    return next(iter(rank(job)), None) if job.study_spec.metrics else None


def _metric(job: HyperparameterTuningJob) -> str:
    return job.study_spec.objective.id if job.study_spec.metrics else ""


def _best_document(job: HyperparameterTuningJob, best: Trial, mask: Masker) -> JsonObject:
    parameters: Json = mask.value("", dict(best.parameters))
    return {"trial": best.id, "value": best.objective(_metric(job)), "parameters": parameters}


def _best_text(job: HyperparameterTuningJob, best: Trial, mask: Masker) -> str:
    value = best.objective(_metric(job))
    shown = (f"{key}={format_value(item)}" for key, item in best.parameters.items())
    outcome = "" if value is None else f": {_values_text(job, best)}"
    return mask.text(" ".join([f"trial {best.id}{outcome} ", *shown])).rstrip()


def _values_text(job: HyperparameterTuningJob, trial: Trial) -> str:
    values = ((name, trial.objective(name)) for name in job.study_spec.metric_ids)
    return ", ".join(f"{name} = {value:.6g}" for name, value in values if value is not None)


def _pareto_document(job: HyperparameterTuningJob, mask: Masker) -> JsonObject:
    """Return the objectives and the Pareto set so far of a study with several objectives; empty for one objective."""
    if not job.study_spec.has_several_objectives:
        return {}
    names = job.study_spec.metric_ids
    members: list[Json] = [
        {
            "trial": trial.id,
            "values": {name: trial.objective(name) for name in names},
            "parameters": mask.value("", dict(trial.parameters)),
        }
        for trial in pareto_set(job)
    ]
    return {"metrics": list(names), "pareto": members, "rule": mask.text(rule_of(job))}


def _is_on_google(job: HyperparameterTuningJob) -> bool:
    return bool(console_page(job.name)) and is_google_region(job.name.split("/")[3])
