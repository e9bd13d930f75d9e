"""Says how a tuning job ended that did not succeed, and when a study cannot succeed any more. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from urllib.parse import urlencode

from hydra_vertex.job import HyperparameterTuningJob, JobState, Trial, TrialState
from hydra_vertex.launcher.best.selection import trial_order
from hydra_vertex.launcher.text.terminal import excerpt

FEWEST_ALIKE = 8
"""The fewest trials that show that an app fails whatever its parameters are: of a space in which half of all points
fail, 1 in 256 studies begins with so many failures."""
_MOST_REASONS = 3
_NAME = re.compile(r"projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/hyperparameterTuningJobs/(?P<id>[^/]+)")


def problem_of(job: HyperparameterTuningJob) -> str:
    """Return why a watched job did not succeed, with its trials by state and reason; empty when it succeeded.

    The job has ended, or it is paused for so long that it is not watched any more.
    """
    if job.state is JobState.SUCCEEDED:
        return ""
    error = f": {job.error.message}" if job.error is not None and job.error.message else ""
    outcome = f"ended as {job.state.value}" if job.state.is_terminal else f"stays {job.state.value} and is left so"
    return f"{job.name} {outcome}{error}. {_trials_text(job)}{_first_failure(job)}"


def places_of(job: HyperparameterTuningJob) -> Iterator[str]:
    """Yield where Google Cloud shows the job: its page in the console, and the query for its log."""
    if console_page(job.name):
        yield f"console: {console_page(job.name)}"
        yield f"log: {log_query(job.name)} (Cloud Logging)"


def console_page(name: str) -> str:
    """Return the URL of a job's page in the Google Cloud console; empty when the name is not that of a tuning job."""
    found = _NAME.fullmatch(name)
    if found is None:
        return ""
    page = f"https://console.cloud.google.com/ai/platform/locations/{found['location']}/training/{found['id']}"
    return f"{page}?{urlencode({'project': found['project']})}"


def log_query(name: str) -> str:
    """Return the query for Cloud Logging that finds a job's log; empty when the name is not that of a tuning job."""
    found = _NAME.fullmatch(name)
    return "" if found is None else f'resource.type="ml_job" AND resource.labels.job_id="{found["id"]}"'


def fails_alike(job: HyperparameterTuningJob) -> str:
    """Return the reason for which every ended trial of a running job failed; empty when there is no single reason.

    It takes twice as many trials as run at the same time, and at least eight. A job with a limit of failed trials ends
    by that limit.
    """
    ended = [trial for trial in job.trials if trial.state.is_terminal]
    needed = max(FEWEST_ALIKE, 2 * job.parallel_trial_count)
    has_limit = 0 < job.max_failed_trial_count < job.max_trial_count
    if has_limit or job.state.is_terminal or not needed <= len(ended) < job.max_trial_count:
        return ""
    reasons = {_alike(trial) for trial in ended}
    if len(reasons) > 1 or any(trial.state is not TrialState.INFEASIBLE for trial in ended):
        return ""
    return min(ended, key=trial_order).infeasible_reason or "no reason given"


def _alike(trial: Trial) -> str:
    """Return the first line of the reason, in which numbers count as equal: ports, times, addresses."""
    return re.sub(r"\d+", "#", trial.infeasible_reason.strip().partition("\n")[0])


def _trials_text(job: HyperparameterTuningJob) -> str:
    states = Counter(trial.state.value for trial in job.trials)
    counts = ", ".join(f"{number} {state}" for state, number in states.items()) or "none was started"
    return f"Trials: {counts}{_reasons(job.trials)}"


def _reasons(trials: Sequence[Trial]) -> str:
    failed = Counter(_alike(trial) for trial in trials if trial.state is TrialState.INFEASIBLE)
    common = [f"{number} with {excerpt(reason, 120)}" for reason, number in failed.most_common(_MOST_REASONS) if reason]
    return f" ({'; '.join(common)})" if len(common) > 1 else ""


def _first_failure(job: HyperparameterTuningJob) -> str:
    failed = sorted((t for t in job.trials if t.state is TrialState.INFEASIBLE), key=trial_order)
    return f". Trial {failed[0].id}: {failed[0].infeasible_reason or 'no reason given'}" if failed else ""
