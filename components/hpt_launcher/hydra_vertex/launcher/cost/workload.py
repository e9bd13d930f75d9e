"""Reads the workload of a study from its job: trials, slots, workers, limits and price. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hydra_vertex.job import StudySpec, TrialJobSpec
from hydra_vertex.launcher.text.formatting import format_duration

from .durations import DurationRange
from .estimate import Estimate, Workload
from .prices import Prices, hourly_rate, workers_of

WORKER_RESTARTS = 5
JOB_RETRIES = 3
"""How often Vertex AI restarts a worker that failed, and then retries the trial's job. Known from documentation only:
https://cloud.google.com/vertex-ai/docs/training/understanding-training-service."""
DEFAULT_TIMEOUT_S = 7 * 24 * 3600.0
"""Vertex AI's time limit of a trial without `scheduling.timeout`. Source: Scheduling.timeout in custom_job.proto."""


def workload(
    spec: StudySpec,
    job_spec: TrialJobSpec,
    *,
    trials: int,
    slots: int,
    duration: DurationRange,
    provisioning_s: float,
    prices: Prices,
    is_local: bool = False,
    repeats: int = 0,
) -> Workload:
    """Return the workload of a study. `is_local`: its trials are processes of this machine, and none is repeated.
    `repeats` are trials that follow the study.

    Raises UserError when a machine has no price.
    """
    limits = spec.study_stopping
    maximum = None if limits is None else limits.maximum_runtime
    return Workload(
        trials=trials,
        slots=min(slots, trials),
        duration=duration,
        workers=1 if is_local else workers_of(job_spec),
        hourly_rate=hourly_rate(job_spec, prices),
        provisioning_s=provisioning_s,
        timeout_s=job_spec.timeout_s,
        default_timeout_s=None if is_local else DEFAULT_TIMEOUT_S,
        most_runs=1 if is_local else most_runs(job_spec),
        stops_early=spec.automated_stopping is not None or bool(limits is not None and limits.should_stop_asap),
        most_trials=None if limits is None else limits.max_num_trials,
        repeats=repeats,
        latest_start_s=None if maximum is None else maximum.max_duration_s,
    )


def most_runs(spec: TrialJobSpec) -> int:
    """Return how often a trial can run whose workers fail: the restarts of a worker in each try of the job."""
    tries = 1 if spec.scheduling.get("disableRetries") is True else 1 + JOB_RETRIES
    return (1 + WORKER_RESTARTS) * tries


def estimate_lines(work: Workload, found: Estimate, prices: Prices) -> Iterator[str]:
    """Yield the estimate as lines for the user, with its assumptions."""
    for name, amount in (("minimum", found.minimum), ("expected", found.expected), ("maximum", found.maximum)):
        cost = "" if amount.cost is None else f", {prices.text(amount.cost)}"
        yield f"{name}: {format_duration(amount.wall_s)} wall-clock, {amount.worker_hours:.2f} worker-hours{cost}"
    yield f"({', '.join(_assumptions(work))}; trials only, without the pipeline's steps and the retraining)"


def _assumptions(work: Workload) -> Iterator[str]:
    low, high = format_duration(work.duration.low_s), format_duration(work.duration.high_s)
    yield f"{work.trials} trials of {low if low == high else f'{low} to {high}'}"
    if work.repeats:
        yield f"then {work.repeats} repeats"
    yield f"{work.slots} at once with {work.workers} worker{'s' if work.workers > 1 else ''} each"
    yield f"{format_duration(work.provisioning_s)} of provisioning before each"
    if work.timeout_s is not None:
        yield f"maximum: every trial runs for its timeout, {format_duration(work.timeout_s)}"
    elif work.most_runs > 1:
        yield f"maximum: every trial fails and runs {work.most_runs} times, which a --trial-timeout limits"
    if work.stops_early:
        yield f"minimum: all trials but the first {work.slots} are stopped at once"
