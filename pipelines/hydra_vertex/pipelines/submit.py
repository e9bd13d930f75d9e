"""Sends a compiled pipeline to Vertex Pipelines with Google's SDK, after all local checks."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.launcher.study.client import require_loopback
from hydra_vertex.protocol.errors import ServiceError, UserError

from .compiled_pipeline import CompiledPipeline, read_pipeline

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.cloud.aiplatform import PipelineJob

TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Submitted:
    """An accepted pipeline job: its resource name, and its page in the Google Cloud console."""

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
    """Create a PipelineJob and return without waiting for it. The SDK creates the root's bucket when it is missing.

    `enable_caching` None keeps each step's compiled setting; `network` has the form `projects/N/global/networks/V`;
    `api_endpoint` and `credentials` are for an endpoint other than Google's. Raises OutputError when the file is not a
    compiled pipeline, UserError when the arguments or the root are invalid, ServiceError when Google refuses the job.
    """
    pipeline = read_pipeline(file)
    pipeline.check_arguments(arguments)
    if not pipeline_root.startswith("gs://"):
        raise UserError(f"pipeline root {pipeline_root}: expected a folder in a bucket, such as gs://my-bucket/runs")
    with _google_errors(project):
        job = _pipeline_job(
            pipeline,
            display_name=display_name,
            pipeline_root=pipeline_root,
            parameter_values=dict(arguments),
            enable_caching=enable_caching,
            labels=dict(labels or {}),
            project=project,
            location=location,
            credentials=credentials or _credentials(api_endpoint),
            api_endpoint=api_endpoint,
        )
        job.submit(service_account=service_account or None, network=network or None, create_request_timeout=TIMEOUT_S)
    name = str(job.resource_name)
    return Submitted(name, _console_url(name, location, project))


def _pipeline_job(pipeline: CompiledPipeline, *, api_endpoint: str, **options: object) -> PipelineJob:
    from google.cloud import aiplatform

    # The SDK logs to stdout, which is reserved for the result. When it cannot look up the owner of the bucket, which
    # matters only for buckets with default names, it logs a traceback and continues.
    logging.getLogger("google.cloud.aiplatform").setLevel(logging.CRITICAL)
    if api_endpoint:
        aiplatform.init(api_endpoint=api_endpoint, api_transport="rest")
    return aiplatform.PipelineJob(template_path=str(pipeline.file), **options)


def _credentials(api_endpoint: str) -> Credentials | None:
    """Return None for the application-default credentials, anonymous ones for an endpoint on loopback."""
    if not api_endpoint.startswith("http://"):
        return None
    from google.auth.credentials import AnonymousCredentials

    require_loopback(api_endpoint)
    return AnonymousCredentials()


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
            f"roles/aiplatform.user in {project}, and roles/iam.serviceAccountUser on a given --service-account"
        ) from error
    except exceptions.GoogleAPICallError as error:
        raise ServiceError(f"Vertex AI refused the pipeline: {error.code or ''} {error.message}") from error
    except (exceptions.GoogleAPIError, OSError) as error:
        raise ServiceError(f"Vertex AI does not answer: {error}") from error


def _console_url(name: str, location: str, project: str) -> str:
    run = name.rsplit("/", 1)[-1]
    return f"https://console.cloud.google.com/vertex-ai/locations/{location}/pipelines/runs/{run}?project={project}"
