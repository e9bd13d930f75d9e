"""Reads the ends of the logs of a study's trials from the embedded tuning service that has the job.

Nothing here raises for a service that cannot be read: a report must not fail for its logs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.launcher.study.embedded_session import embedded_session
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import ServiceError, UserError

from .log_text import last_lines
from .study_logs import CHARACTERS, LINES, StudyLogs, logs_elsewhere

if TYPE_CHECKING:
    from google.auth.transport.requests import AuthorizedSession

REQUEST_LIMIT_S = 10.0
LIMIT_S = 60.0
"""The limit of the time for the logs of all trials."""
IN_FULL = (
    "The whole logs are logs/trial-N.log in the folder of the run, or jobs/ID/trials/N/log.txt in the folder of the "
    "tuning service."
)


def logs_of(job: HyperparameterTuningJob, api_endpoint: str = "") -> StudyLogs:
    """Return the ends of the logs of a job in a service. `api_endpoint` is that of the service; empty for Google's."""
    if not api_endpoint.startswith("http://"):
        return logs_elsewhere(job)
    return _from_embedded(job, api_endpoint, os.environ)


def _from_embedded(job: HyperparameterTuningJob, api_endpoint: str, environ: Mapping[str, str]) -> StudyLogs:
    from google.auth.exceptions import GoogleAuthError
    from requests import RequestException

    ends: dict[str, str] = {}
    try:
        with embedded_session(api_endpoint, environ) as session:
            _read(session, job, f"{api_endpoint}/v1/{job.name}/trials", ends)
    except (ServiceError, GoogleAuthError, RequestException, OSError, ValueError, UserError) as error:
        return StudyLogs(ends, f"The tuning service does not return all logs: {excerpt(error, 300)}. {IN_FULL}")
    return StudyLogs(ends, IN_FULL)


def _read(session: AuthorizedSession, job: HyperparameterTuningJob, trials: str, ends: dict[str, str]) -> None:
    """Read the logs into `ends`. Raises ServiceError when that takes too long, and what `_log` raises."""
    give_up = time.monotonic() + LIMIT_S
    for trial in job.trials:
        if time.monotonic() > give_up:
            raise ServiceError(f"it took more than {LIMIT_S:g} s for {len(ends)} of {len(job.trials)} trials")
        ends[trial.id] = _log(session, f"{trials}/{quote(trial.id, safe='')}:log")


def _log(session: AuthorizedSession, address: str) -> str:
    """Return the end of one log. Raises ServiceError, and what a request raises."""
    answer = session.get(address, timeout=REQUEST_LIMIT_S)
    if answer.status_code != 200:
        raise ServiceError(f"it answers {answer.status_code} to a request for a log")
    document = json.loads(answer.content)
    log = document.get("log") if isinstance(document, dict) else None
    if not isinstance(log, str):
        raise ServiceError("its answer has no log")
    return last_lines(log, LINES, CHARACTERS)
