"""Validates pipeline jobs. Pure; every message starts with the path of the field.

Source: the field comments of pipeline_job.proto in google/cloud/aiplatform/v1, and kfp's pipeline_spec.proto.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hydra_vertex.job.pipeline_job import PipelineJob
from hydra_vertex.job.quoting import quoted
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.folder import GCS

from .job_spec import validate_display_name, validate_labels
from .pipeline_spec import object_at, validate_graphs
from .refusals import invalid, refuse_unknown, unimplemented

STORED_FIELDS = {
    *("encryptionSpec", "serviceAccount", "network", "reservedIpRanges", "pscInterfaceConfig"),
    *("preflightValidations", "templateUri", "templateMetadata"),
}
"""Fields that are kept, and are without effect on this machine."""
_ONLY_ON_VERTEX = {"parameters": "arguments of schema version 2.0.0", "inputArtifacts": "artifacts as arguments"}
ROOT = "runtimeConfig.gcsOutputDirectory"
_ID = re.compile(r"[a-z][-a-z0-9]{0,127}", re.IGNORECASE)


def validate_pipeline_id(given: str) -> None:
    """Raises Refusal unless `pipelineJobId` is empty, in which case the service chooses an id, or a valid id."""
    if given and _ID.fullmatch(given) is None:
        invalid("pipelineJobId", f"expected a letter, then 127 letters, digits and dashes at most, got {quoted(given)}")


def validate_pipeline_job(job: PipelineJob) -> None:
    """Raises Refusal: INVALID_ARGUMENT as the real API would, UNIMPLEMENTED for what only the real API can do."""
    if job.display_name:
        validate_display_name(job.display_name)
    validate_labels(job.labels)
    refuse_unknown("", job.other, STORED_FIELDS)
    _validate_spec(job)
    if not job.runtime_config.output_directory.startswith(GCS):
        found = quoted(job.runtime_config.output_directory)
        invalid(ROOT, f"expected a folder in a bucket, such as gs://bucket/runs, got {found}")
    _validate_runtime_config(job.runtime_config.other)
    _validate_arguments(job)


def fields_of_pipeline_without_effect(job: PipelineJob) -> Iterator[str]:
    """Yield the paths of the fields that mean nothing to a pipeline on this machine."""
    yield from sorted(STORED_FIELDS & job.other.keys())
    yield from (f"runtimeConfig.{name}" for name in sorted(job.runtime_config.other))


def _validate_spec(job: PipelineJob) -> None:
    if not job.spec and "templateUri" in job.other:
        unimplemented("templateUri", "templates without a pipelineSpec")
    for name in ("pipelineInfo", "root", "schemaVersion"):
        if name not in job.spec:
            invalid(f"pipelineSpec.{name}", "is missing; expected what kfp's compiler writes")
    validate_graphs(job.spec)


def _validate_runtime_config(other: JsonObject) -> None:
    for name, what in _ONLY_ON_VERTEX.items():
        if name in other:
            unimplemented(f"runtimeConfig.{name}", what)
    refuse_unknown("runtimeConfig", other, {"failurePolicy"})


def _validate_arguments(job: PipelineJob) -> None:
    parameters = object_at(job.spec, "root", "inputDefinitions", "parameters")
    path = "runtimeConfig.parameterValues"
    for name in sorted(set(job.runtime_config.arguments) - set(parameters)):
        known = ", ".join(sorted(parameters)) or "none"
        invalid(f"{path}.{name}", f"is not a parameter of the pipeline, which has {known}")
    for name, definition in parameters.items():
        is_needed = not object_at(definition).get("isOptional") and "defaultValue" not in object_at(definition)
        if is_needed and name not in job.runtime_config.arguments:
            invalid(f"{path}.{name}", "is missing; the pipeline has no default for it")
