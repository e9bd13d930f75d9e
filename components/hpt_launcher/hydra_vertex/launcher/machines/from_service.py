"""Reads the machines of a study from where the job is: the embedded service, or Cloud Monitoring for Vertex AI.

Nothing here raises for a source that cannot be read: a report must not fail for its pictures of machines.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timezone

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.job.machine_use import parse_machine_use
from hydra_vertex.launcher.study.embedded_session import embedded_session
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError, UserError

from .cloud_series import Series, curves_of, queries, series_of
from .cloud_session import project_of, session_of
from .study_machines import NO_MACHINES, StudyMachines
from .time_series import MonitoringClient, NotReadableError

REQUEST_LIMIT_S = 30.0


def machines_of(job: HyperparameterTuningJob, api_endpoint: str = "") -> StudyMachines:
    """Return the machines of a job in a service. `api_endpoint` is that of the job's service; empty for Google's.

    A job with a location that is no region of Google Cloud, and no endpoint, has none.
    """
    if api_endpoint.startswith("http://"):
        return _from_embedded(job.name, api_endpoint, os.environ)
    project = project_of(job.name)
    return _from_cloud_monitoring(job, project, os.environ) if project else NO_MACHINES


def _from_embedded(name: str, api_endpoint: str, environ: Mapping[str, str]) -> StudyMachines:
    from google.auth.exceptions import GoogleAuthError
    from requests import RequestException

    try:
        session = embedded_session(api_endpoint, environ)
        answer = session.get(f"{api_endpoint}/v1/{name}:machineUse", timeout=REQUEST_LIMIT_S)
        if answer.status_code != 200:
            return StudyMachines(missing=f"the service answers {answer.status_code} to a request for the machines")
        return StudyMachines(parse_machine_use(json.loads(answer.content), "machineUse"))
    except (GoogleAuthError, RequestException, OSError, ValueError, UserError) as error:
        return StudyMachines(missing=f"the service does not say what its machines did: {excerpt(error, 300)}")


def _from_cloud_monitoring(job: HyperparameterTuningJob, project: str, environ: Mapping[str, str]) -> StudyMachines:
    found: list[Series] = []
    try:
        session, endpoint = session_of(environ)
        client = MonitoringClient(session, endpoint)
        strangers = _read(job, client, project, found)
    except NotReadableError as error:
        return StudyMachines(curves_of(job, found), str(error))
    except DocumentError as error:
        return StudyMachines(curves_of(job, found), f"Cloud Monitoring answers a time series that is none: {error}")
    return StudyMachines(curves_of(job, found), _missing(job, found, strangers))


def _read(job: HyperparameterTuningJob, client: MonitoringClient, project: str, found: list[Series]) -> int:
    """Read all series of the trials into `found`. Return how many of the job's series name no trial."""
    strangers = 0
    for query in queries(job, project, datetime.now(timezone.utc)):
        for answer in client.series(query):
            series = series_of(job, answer)
            if series is None:
                strangers += 1
            else:
                found.append(series)
    return strangers


def _missing(job: HyperparameterTuningJob, found: list[Series], strangers: int) -> str:
    if found or not any(trial.start_time for trial in job.trials):
        return ""
    if strangers:
        return f"Cloud Monitoring has {strangers} time series of this job, and none of them names a trial"
    return (
        "Cloud Monitoring has nothing about the trials: it keeps the metrics of a job for six weeks, they appear some "
        "minutes late, and trials of less than a minute have none"
    )
