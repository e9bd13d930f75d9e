"""What the tuning step is given: the job that its parameters describe, the id of its run, and its outputs."""

from __future__ import annotations

import os
from dataclasses import replace

from hydra_vertex.job import (
    HyperparameterTuningJob,
    StudySpec,
    TrialJobSpec,
    dump_study_spec,
    dump_trial_job_spec,
    parse_study_spec,
    parse_trial_job_spec,
)
from hydra_vertex.job.lost_fields import require_kept
from hydra_vertex.job.preference import PARAMETER, prefer_labels
from hydra_vertex.launcher.cost.limits import parse_limits
from hydra_vertex.launcher.cost.prices import hourly_rate
from hydra_vertex.launcher.preflight.job_builder import app_in, build_job, override_count
from hydra_vertex.launcher.preflight.study_folder import study_folder
from hydra_vertex.launcher.study.job_reference import parse_reference
from hydra_vertex.launcher.study.one_job import run_label
from hydra_vertex.protocol import json
from hydra_vertex.protocol.data_input import DATA_KEY, data_override, with_data
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.executor import ExecutorInput
from hydra_vertex.protocol.json import Json, JsonObject

from .pipeline_run import run_labels
from .spending import SpendingWatch


def spending_watch(given: ExecutorInput) -> SpendingWatch:
    """Return the watch of the step's spending limits. Raises UserError for a limit that cannot be computed."""
    limits = parse_limits(given.text("max_cost"), given.text("max_worker_hours"), given.text("hourly_prices"))
    if limits.max_cost is not None:
        hourly_rate(parse_trial_job_spec(_json(given, "trial_job_spec"), "trial_job_spec"), limits.prices)
    return SpendingWatch(limits, endpoint_of(given))


def run_id(given: ExecutorInput) -> str:
    """Return the id of this step's run: the address of its output, which has the ids of the pipeline job and the task.

    A step that is started again has the same address, and so the same id.
    """
    return run_label(given.outputs["job"].uri)


def existing_job(given: ExecutorInput) -> str:
    """Return the name of the job to watch in place of a new one; empty for none.

    It may have any form of `job_reference`, such as the `gcp_resources` of another component. Raises UserError when it
    names no job of the step's location.
    """
    text = given.text("existing_job")
    return parse_reference(text, location=given.text("location")).name if text.strip() else ""


def requested_job(given: ExecutorInput) -> HyperparameterTuningJob:
    """Build the job that the step's parameters describe. Raises UserError when they do not describe a valid job."""
    spec = _study(given)
    named = {key: str(value) for key, value in _json(given, "labels").items()}
    labels = {**run_labels(os.environ), **named, **prefer_labels(spec, given.text(PARAMETER))}
    override = data_override(given)
    job = build_job(
        display_name=given.text("display_name"),
        study_spec=spec,
        trial_job_spec=_trial_job(given),
        app=with_data(given.strings("app_command"), override, override_count(labels)),
        max_trial_count=given.integer("max_trial_count"),
        parallel_trial_count=given.integer("parallel_trial_count"),
        max_failed_trial_count=given.integer("max_failed_trial_count"),
        labels=labels,
        monitor=given.strings("monitor"),
        sweeps=given.strings("sweeps"),
        aliases=given.strings("aliases"),
        other=_json(given, "job_fields"),
    )
    if override and not set(override) <= set(app_in(job) or ()):
        raise DocumentError(
            DATA_KEY,
            "the container in trial_job_spec has a command of its own, which cannot be given the data; leave it out",
        )
    return job


def _study(given: ExecutorInput) -> StudySpec:
    document = _json(given, "study_spec")
    spec = parse_study_spec(document, "study_spec")
    require_kept(document, dump_study_spec(spec), "study_spec")
    return spec


def _trial_job(given: ExecutorInput) -> TrialJobSpec:
    """Return the trials' job; with `study_root`, its output folder is one that no other run has."""
    document = _json(given, "trial_job_spec")
    spec = parse_trial_job_spec(document, "trial_job_spec")
    require_kept(document, dump_trial_job_spec(spec), "trial_job_spec")
    root = given.text("study_root")
    if not root or spec.base_output_uri:
        return spec
    return replace(spec, base_output_uri=study_folder(root, given.text("display_name"), run_id(given)))


def recorded_job(given: ExecutorInput) -> str:
    """Return the job that an earlier start of this step has recorded in its output `gcp_resources`; empty for none."""
    try:
        document = json.loads(given.output_parameters["gcp_resources"].read_text())
        uri = str(document["resources"][0]["resourceUri"])  # type: ignore[index,call-overload] # an error means: none
    except (KeyError, IndexError, TypeError, OSError, ValueError):
        return ""
    return uri.partition("/v1/")[2]


def parent_of(given: ExecutorInput) -> str:
    """Return the place in which the step's job is, `projects/P/locations/L`."""
    return f"projects/{given.text('project')}/locations/{given.text('location')}"


def write_output(given: ExecutorInput, name: str) -> None:
    """Write the step's outputs. They are also written before the job has ended, for the console's link to the job."""
    resource: Json = {"resourceType": "HyperparameterTuningJob", "resourceUri": f"{endpoint_of(given)}/v1/{name}"}
    given.write_output({"gcp_resources": json.dumps({"resources": [resource]})}, {"job": {"resourceName": name}})


def endpoint_of(given: ExecutorInput) -> str:
    """Return the URL of the tuning service."""
    return given.text("api_endpoint") or f"https://{given.text('location')}-aiplatform.googleapis.com"


def _json(given: ExecutorInput, name: str) -> JsonObject:
    text = given.text(name)
    try:
        value = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise DocumentError(name, f"not JSON ({error}): {text!r:.200}") from error
    if not isinstance(value, dict):
        raise DocumentError(name, f"expected a JSON object, got {text!r:.200}")
    return value
