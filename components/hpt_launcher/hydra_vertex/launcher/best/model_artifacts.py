"""Describes the best trial's model and checkpoint as artifacts of a pipeline: address and metadata."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from hydra_vertex.job import Goal, HyperparameterTuningJob
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.artifact_place import may_be_at
from hydra_vertex.protocol.errors import StudyError
from hydra_vertex.protocol.executor import ExecutorInput
from hydra_vertex.protocol.json import Json, JsonObject

from .best_trial import BestConfig
from .outputs import TrialOutputs, metadata_of
from .selection import ended_without_success

BEST_MODEL = "best_model"
BEST_CHECKPOINT = "best_checkpoint"
_MOST_PROBLEM = 500
_KEPT_ELSEWHERE = "the artifact store of this pipeline has no link to it"


@dataclass(frozen=True, slots=True)
class ModelArtifacts:
    """The addresses and the metadata of the two artifacts, and sentences for the user."""

    uris: Mapping[str, str]
    metadata: Mapping[str, JsonObject]
    notes: tuple[str, ...]


def model_artifacts(given: ExecutorInput, trial: JsonObject, outputs: TrialOutputs) -> ModelArtifacts:
    """Return the artifacts of a step's outputs. `trial` is the metadata that describes the trial.

    An artifact whose store cannot have the trial's address keeps its own, is empty, and names the address.
    """
    uris: dict[str, str] = {}
    metadata: dict[str, JsonObject] = {}
    notes = list(outputs.notes)
    wanted = {BEST_MODEL: outputs.model, BEST_CHECKPOINT: outputs.checkpoint_dir}
    for name, uri in wanted.items():
        metadata[name] = {**trial, **(metadata_of(outputs) if name == BEST_CHECKPOINT else {})}
        artifact = given.outputs.get(name)
        if not uri or artifact is None:
            continue
        if may_be_at(uri, artifact.uri, os.environ):
            uris[name] = uri
        else:
            metadata[name] = {**metadata[name], "uri": uri}
            notes.append(f"{name}: {uri}; {_KEPT_ELSEWHERE}")
    return ModelArtifacts(uris, metadata, tuple(notes))


def trial_metadata(job: HyperparameterTuningJob, best: BestConfig, problem: str) -> JsonObject:
    """Return the metadata that describes the best trial: metric, overrides, job, trial and image, without secrets.

    `problem` tells why the job did not succeed; empty when it did.
    """
    metric = job.study_spec.objective
    found: dict[str, Json] = {
        "trialId": best.trial.id,
        "job": job.name,
        **job_state(job, problem),
        "metric": metric.id,
        "value": best.value,
        "goal": (Goal.MINIMIZE if metric.goal is Goal.MINIMIZE else Goal.MAXIMIZE).value,
        metric.id: best.value,
        **({**best.values, "objectives": _objectives(job, best)} if best.rule else {}),
        "overrides": best.mask.arguments(best.overrides),
        "image": _image(job),
    }
    return {name: value for name, value in found.items() if value != ""}


def _objectives(job: HyperparameterTuningJob, best: BestConfig) -> Json:
    """Return each objective of several, with which a retraining is compared."""
    return [
        {"metric": metric.id, "value": best.values[metric.id], "goal": metric.goal.value}
        for metric in job.study_spec.metrics
    ]


def job_state(job: HyperparameterTuningJob, problem: str) -> dict[str, Json]:
    """Return the metadata about the job's state, with the reason when it did not succeed, or ended at a limit."""
    state: dict[str, Json] = {"jobState": job.state.value}
    if job.stopping_reason:
        state["stoppingReason"] = job.stopping_reason
    return {**state, "jobProblem": excerpt(problem, _MOST_PROBLEM)} if problem else state


def job_metrics(job: HyperparameterTuningJob) -> JsonObject:
    """Return what the metrics say about a job that did not succeed: metrics are numbers."""
    return {"job_succeeded": 0} if ended_without_success(job) else {}


def require_checkpoint(key: str, outputs: TrialOutputs) -> None:
    """Check that a retraining can start from a checkpoint. Raises StudyError when it is known that there is none."""
    if key and outputs.is_read and not outputs.checkpoint:
        raise StudyError(
            f"--warm-start {key}: the best trial has no checkpoint, so nothing is retrained; let the app write one "
            "into $AIP_CHECKPOINT_DIR or into Hydra's output folder, or leave --warm-start out"
        )


def _image(job: HyperparameterTuningJob) -> str:
    pools = job.trial_job_spec.worker_pools
    container = pools[0].container if pools else None
    return "" if container is None else container.image_uri
