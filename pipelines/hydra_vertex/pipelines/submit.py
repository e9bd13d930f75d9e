"""Sends a compiled pipeline to Vertex Pipelines.

Google's generated client is used and not `aiplatform.PipelineJob`, whose `submit` also makes the bucket of the pipeline
root when there is none and grants roles on it, or, where it may not ask, tries for two minutes and prints a traceback.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.trial.protocol.errors import ServiceError, UserError
from hydra_vertex.trial.protocol.json import Json, JsonObject

from .compiled import CompiledPipeline, object_at, read_pipeline

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.cloud.aiplatform_v1 import PipelineJob

REQUEST_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Submitted:
    """A pipeline job that Vertex AI has taken: its resource name, and where to watch it."""

    name: str
    console_url: str


def submit(
    file: Path,
    arguments: Mapping[str, str | int | float],
    *,
    project: str,
    location: str,
    pipeline_root: str,
    display_name: str,
    service_account: str = "",
    network: str = "",
    labels: Mapping[str, str] | None = None,
    enable_caching: bool | None = None,
    api_endpoint: str = "",
    credentials: Credentials | None = None,
) -> Submitted:
    """Create a PipelineJob and return without waiting for it.

    `enable_caching` of None leaves each step as it was compiled; `network` is a `projects/N/global/networks/V`;
    `api_endpoint` and `credentials` are for another endpoint than Google's. Raises OutputError when the file is no
    compiled pipeline, UserError when the arguments or the root do not fit, ServiceError when Google refuses.
    """
    pipeline = read_pipeline(file)
    pipeline.check_arguments(arguments)
    if not pipeline_root.startswith("gs://"):
        raise UserError(f"pipeline root {pipeline_root}: expected a folder in a bucket, such as gs://my-bucket/runs")
    document: dict[str, Json] = {
        "displayName": display_name,
        "pipelineSpec": pipeline.spec if enable_caching is None else with_caching(pipeline.spec, enable_caching),
        "runtimeConfig": {"gcsOutputDirectory": pipeline_root, "parameterValues": dict(arguments)},
        "labels": dict(labels or {}),
        "serviceAccount": service_account,
        "network": network,
    }
    with _google_errors(project):
        name = _create(
            document, f"projects/{project}/locations/{location}", _job_id(pipeline), api_endpoint, credentials
        )
    return Submitted(name, _console_url(name, location, project))


def with_caching(spec: JsonObject, enabled: bool) -> JsonObject:
    """A PipelineSpec with the cache on or off for every task, also of nested pipelines."""
    components = {name: _tasks_with_caching(part, enabled) for name, part in object_at(spec, "components").items()}
    return {**spec, "components": components, "root": _tasks_with_caching(spec["root"], enabled)}


def _tasks_with_caching(component: Json, enabled: bool) -> JsonObject:
    options: JsonObject = {"cachingOptions": {"enableCache": enabled}}
    tasks: JsonObject = {
        name: {**object_at(task), **options} for name, task in object_at(component, "dag", "tasks").items()
    }
    return {**object_at(component), **({"dag": {**object_at(component, "dag"), "tasks": tasks}} if tasks else {})}


def _create(document: JsonObject, parent: str, job_id: str, api_endpoint: str, credentials: Credentials | None) -> str:
    from google.cloud.aiplatform_v1 import PipelineServiceClient

    location = parent.rsplit("/", 1)[-1]
    client = PipelineServiceClient(
        client_options={"api_endpoint": api_endpoint or f"{location}-aiplatform.googleapis.com"},
        transport="rest",
        credentials=credentials,
    )
    # Not tried again: a second try could start a second run.
    created = client.create_pipeline_job(
        parent=parent, pipeline_job=_message(document), pipeline_job_id=job_id, timeout=REQUEST_TIMEOUT_S
    )
    return str(created.name)


def _message(document: JsonObject) -> PipelineJob:
    from google.cloud.aiplatform_v1 import PipelineJob
    from google.protobuf import json_format

    message = PipelineJob()
    json_format.ParseDict(dict(document), PipelineJob.pb(message))
    return message


def _job_id(pipeline: CompiledPipeline) -> str:
    """As Google's SDK forms it: the pipeline's name and the time."""
    return f"{pipeline.name}-{datetime.now():%Y%m%d%H%M%S}"


@contextlib.contextmanager
def _google_errors(project: str) -> Iterator[None]:
    from google.api_core import exceptions
    from google.auth import exceptions as auth_exceptions

    try:
        yield
    except auth_exceptions.GoogleAuthError as error:
        raise ServiceError(
            f"no usable Google credentials ({error}); run `gcloud auth application-default login`"
        ) from error
    except (exceptions.Forbidden, exceptions.Unauthorized) as error:
        raise ServiceError(
            f"Vertex AI refused the pipeline: {error.code or ''} {error.message}; your account needs the role "
            f"roles/aiplatform.user in {project}, and roles/iam.serviceAccountUser on a --service-account"
        ) from error
    except exceptions.GoogleAPICallError as error:
        raise ServiceError(f"Vertex AI refused the pipeline: {error.code or ''} {error.message}") from error
    except (exceptions.GoogleAPIError, OSError) as error:
        raise ServiceError(f"Vertex AI does not answer: {error}") from error


def _console_url(name: str, location: str, project: str) -> str:
    run = name.rsplit("/", 1)[-1]
    return f"https://console.cloud.google.com/vertex-ai/locations/{location}/pipelines/runs/{run}?project={project}"
