"""Sends a compiled pipeline to Vertex Pipelines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.trial.protocol.errors import OutputError, ServiceError

if TYPE_CHECKING:
    from google.auth.credentials import Credentials


@dataclass(frozen=True, slots=True)
class Submitted:
    """A pipeline job that Vertex AI has taken: its resource name, and where to watch it."""

    name: str
    console_url: str


def submit(
    file: Path,
    arguments: Mapping[str, str | int],
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

    `enable_caching` of None leaves each step as it was compiled. `api_endpoint` and `credentials` are for another
    endpoint than Google's. Raises OutputError when the file is no compiled pipeline, ServiceError when Google refuses.
    """
    from google.api_core import exceptions
    from google.auth import exceptions as auth_exceptions
    from google.cloud import aiplatform

    try:
        if api_endpoint:
            aiplatform.init(api_endpoint=api_endpoint, api_transport="rest")
        job = aiplatform.PipelineJob(
            display_name=display_name,
            template_path=str(file),
            pipeline_root=pipeline_root,
            parameter_values=dict(arguments),
            enable_caching=enable_caching,
            labels=dict(labels or {}),
            project=project,
            location=location,
            credentials=credentials,
        )
        job.submit(service_account=service_account or None, network=network or None)
    except auth_exceptions.GoogleAuthError as error:
        raise ServiceError(
            f"no usable Google credentials ({error}); run `gcloud auth application-default login`"
        ) from error
    except exceptions.GoogleAPICallError as error:
        raise ServiceError(f"Vertex AI refused the pipeline: {error.code or ''} {error.message}") from error
    except (exceptions.GoogleAPIError, OSError) as error:
        raise ServiceError(f"Vertex AI does not answer: {error}") from error
    except (ValueError, KeyError) as error:
        raise OutputError(f"{file}: not a pipeline that `hydra-vertex compile` wrote ({error})") from error
    return Submitted(job.resource_name, _console_url(job.resource_name, location, project))


def _console_url(name: str, location: str, project: str) -> str:
    run = name.rsplit("/", 1)[-1]
    return f"https://console.cloud.google.com/vertex-ai/locations/{location}/pipelines/runs/{run}?project={project}"
