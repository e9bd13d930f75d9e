"""Sends a compiled pipeline to Vertex Pipelines with Google's SDK, after all local checks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.launcher.study.loopback_credentials import loopback_credentials
from hydra_vertex.launcher.study.plain_http import require_loopback
from hydra_vertex.launcher.text.terminal import one_line
from hydra_vertex.protocol.errors import ServiceError, UserError
from hydra_vertex.protocol.suggestions import suggest

from .compiled_pipeline import CompiledPipeline, read_pipeline
from .google_sdk import STORAGE_HOST, direct_to_loopback, quiet_sdk, variables_set
from .pipeline_settings import PipelineSettings, Schedule, require_settings

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.cloud.aiplatform import PipelineJob

TIMEOUT_S = 60.0
_CONSOLE = "https://console.cloud.google.com/vertex-ai/locations"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a pipeline is sent. `root` is a folder in a bucket.

    `api_endpoint` and `credentials` are for an endpoint other than Google's; empty and None mean Google's.
    """

    project: str
    location: str
    root: str
    api_endpoint: str = ""
    credentials: Credentials | None = None

    @property
    def is_local(self) -> bool:
        """Whether the endpoint is an embedded service, so that the pipeline is rehearsed on this machine."""
        return self.api_endpoint.startswith("http://")


@dataclass(frozen=True, slots=True)
class Submitted:
    """An accepted pipeline job or schedule: its resource name, its page in the console, and notices about it.

    `console_url` is empty for an embedded service.
    """

    name: str
    console_url: str
    notices: tuple[str, ...] = ()


def submit(
    file: Path,
    arguments: Mapping[str, str | int | float],
    target: Target,
    *,
    display_name: str,
    settings: PipelineSettings | None = None,
    schedule: Schedule | None = None,
) -> Submitted:
    """Create a PipelineJob, or a schedule that creates them, and return without waiting for it.

    For a PipelineJob the SDK creates the root's bucket when it is missing. Raises OutputError when the file is not a
    compiled pipeline, UserError when the arguments, the root or the settings are invalid, ServiceError when Google
    refuses the job.
    """
    chosen = settings or PipelineSettings()
    pipeline = read_pipeline(file)
    pipeline.check_arguments(arguments)
    require_settings(chosen, schedule, target.location, target.api_endpoint)
    if not target.root.startswith("gs://"):
        raise UserError(f"pipeline root {target.root}: expected a folder in a bucket, such as gs://my-bucket/runs")
    return create(pipeline, arguments, target, display_name=display_name, settings=chosen, schedule=schedule)


def require_regions(option: str, locations: Sequence[str]) -> None:
    """Raise UserError for a location that is not a region of Vertex AI, by the list of Google's SDK."""
    from google.cloud.aiplatform.constants.base import SUPPORTED_REGIONS

    for location in locations:
        if location not in SUPPORTED_REGIONS:
            near = suggest(location, sorted(SUPPORTED_REGIONS))
            raise UserError(f"{option} {location}: Vertex AI has no such region{near}")


def create(
    pipeline: CompiledPipeline,
    arguments: Mapping[str, str | int | float],
    target: Target,
    *,
    display_name: str,
    settings: PipelineSettings,
    schedule: Schedule | None,
) -> Submitted:
    """Send what `submit` has checked. Raises UserError for an endpoint without encryption, ServiceError."""
    credentials = target.credentials or _credentials(target.api_endpoint)
    require_regions("--location", [target.location])
    # A rehearsal must not ask Google about the bucket: the service answers that it has none, and the SDK goes on.
    storage = {STORAGE_HOST: target.api_endpoint} if target.is_local else {}
    direct = direct_to_loopback() if target.is_local else contextlib.nullcontext()
    with variables_set(storage), direct, quiet_sdk() as errors, _google_errors(target.project):
        job = _pipeline_job(pipeline, arguments, target, credentials, display_name, settings)
        name = _scheduled(job, display_name, schedule, settings) if schedule else _submitted(job, settings)
    url = "" if target.is_local else console_url(name, target)
    return Submitted(name, url, tuple(_notices(target, errors.found)))


def _pipeline_job(
    pipeline: CompiledPipeline,
    arguments: Mapping[str, str | int | float],
    target: Target,
    credentials: Credentials | None,
    display_name: str,
    settings: PipelineSettings,
) -> PipelineJob:
    from google.cloud import aiplatform

    if target.api_endpoint:
        aiplatform.init(api_endpoint=target.api_endpoint, api_transport="rest")
    return aiplatform.PipelineJob(
        display_name=display_name,
        template_path=str(pipeline.file),
        pipeline_root=target.root,
        parameter_values=dict(arguments),
        enable_caching=settings.caching,
        encryption_spec_key_name=settings.encryption_key or None,
        labels=dict(settings.labels),
        failure_policy=settings.failure_policy or None,
        project=target.project,
        location=target.location,
        credentials=credentials,
    )


def _submitted(job: PipelineJob, settings: PipelineSettings) -> str:
    job.submit(
        service_account=settings.service_account or None,
        network=settings.network or None,
        reserved_ip_ranges=list(settings.reserved_ip_ranges) or None,
        create_request_timeout=TIMEOUT_S,
        experiment=settings.experiment or None,
    )
    return str(job.resource_name)


def _scheduled(job: PipelineJob, display_name: str, schedule: Schedule, settings: PipelineSettings) -> str:
    created = job.create_schedule(
        cron=schedule.cron,
        display_name=display_name,
        allow_queueing=schedule.queues,
        max_run_count=schedule.max_runs,
        max_concurrent_run_count=schedule.max_concurrent_runs,
        service_account=settings.service_account or None,
        network=settings.network or None,
        create_request_timeout=TIMEOUT_S,
    )
    return str(created.resource_name)


def _notices(target: Target, errors: list[str]) -> Iterator[str]:
    """Yield what the user should know about the root's bucket."""
    if target.is_local:
        yield f"{target.root} is the folder gcs/{target.root.removeprefix('gs://')} of the service; no bucket is used"
    else:
        yield from (f"Google's SDK: {one_line(error)}" for error in errors)


def _credentials(api_endpoint: str) -> Credentials | None:
    """Return None for the application-default credentials, those of the service for an endpoint on loopback."""
    if not api_endpoint.startswith("http://"):
        return None
    require_loopback(api_endpoint)
    return loopback_credentials(os.environ)


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
    except ValueError as error:
        # For a location that does not exist, for example.
        raise UserError(f"Google's SDK refuses the pipeline: {one_line(str(error))}") from error
    except RuntimeError as error:
        # For an experiment that cannot be had, with Google's error as the cause.
        reason = f"{error} ({error.__cause__})" if error.__cause__ else str(error)
        raise ServiceError(f"Google's SDK refused the pipeline: {one_line(reason)}") from error


def console_url(name: str, target: Target) -> str:
    """Return the page of a pipeline job or of a schedule: the URLs of Google's SDK."""
    collection, resource_id = name.rsplit("/", 2)[1:]
    page = "schedules" if collection == "schedules" else "runs"
    return f"{_CONSOLE}/{target.location}/pipelines/{page}/{resource_id}?project={target.project}"
