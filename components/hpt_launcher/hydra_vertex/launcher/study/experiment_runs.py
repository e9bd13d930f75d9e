"""Describes trials as runs of a Vertex Experiment: contexts in the form that Google's SDK writes and reads. Pure.

Source of the form: `google.cloud.aiplatform.metadata.experiment_run_resource` and its `constants`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hydra_vertex.job import HyperparameterTuningJob, Trial, TrialState
from hydra_vertex.launcher.secrets.masker import Masker
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import Json, JsonObject

MOST_NAME = 90
"""Characters of an experiment's name, so that the id of each run, which begins with it, has at most 121."""
_NAME = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{MOST_NAME - 1}}}")
_JOB = re.compile(r"(?P<parent>projects/[^/]+/locations/[^/]+)/hyperparameterTuningJobs/(?P<id>[^/]+)")
_STATES = {
    TrialState.SUCCEEDED: "COMPLETE",
    TrialState.INFEASIBLE: "FAILED",
    TrialState.ACTIVE: "RUNNING",
    TrialState.STOPPING: "RUNNING",
    TrialState.REQUESTED: "NEW",
}


@dataclass(frozen=True, slots=True)
class ExperimentRun:
    """A context of the schema system.ExperimentRun."""

    id: str
    display_name: str
    description: str
    metadata: JsonObject


def require_experiment_name(name: str) -> None:
    """Check that Vertex AI accepts the name. Raises UserError."""
    if not _NAME.fullmatch(name):
        raise UserError(
            f"--log-experiment {name!r:.120}: expected 1 to {MOST_NAME} lower-case letters, digits and hyphens, the "
            "first one not a hyphen"
        )


def store_of(job: HyperparameterTuningJob) -> str:
    """Return the metadata store of the job's project and location. Raises UserError for a job without a name."""
    return f"{_parsed(job)['parent']}/metadataStores/default"


def experiment_runs(job: HyperparameterTuningJob, experiment: str, mask: Masker) -> tuple[ExperimentRun, ...]:
    """Return a run for each trial. Its id is that of the job and the trial, so a second log finds the first.

    Raises UserError for a job without a name.
    """
    job_id = re.sub(r"[^a-z0-9-]", "-", _parsed(job)["id"].lower())
    return tuple(
        ExperimentRun(
            id=f"{experiment}-{job_id}-trial-{trial.id}",
            display_name=f"{job_id}-trial-{trial.id}",
            description=mask.text(f"Trial {trial.id} of {job.display_name} ({job.name})")[:1000],
            metadata=_metadata(trial, mask),
        )
        for trial in job.trials
    )


def _parsed(job: HyperparameterTuningJob) -> re.Match[str]:
    found = _JOB.fullmatch(job.name)
    if found is None:
        raise UserError(f"the job's name is {job.name!r:.200}, which is no resource name of a tuning job")
    return found


def _metadata(trial: Trial, mask: Masker) -> JsonObject:
    final = trial.final_measurement
    parameters: dict[str, Json] = {key: mask.value(key, value) for key, value in trial.parameters.items()}
    metrics: dict[str, Json] = {} if final is None else dict(final.metrics)
    return {"_params": parameters, "_metrics": metrics, "_state": _STATES.get(trial.state, "STATE_UNSPECIFIED")}
