"""Requests to an embedded tuning service, in its own JSON: it has trials' logs and stops single trials."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

from hydra_vertex.job import HyperparameterTuningJob, parse_job
from hydra_vertex.job.machine_use import MachineUse, parse_machine_use
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError, ServiceError, ServiceUnreachableError
from hydra_vertex.protocol.json import Json, JsonObject

REQUEST_LIMIT_S = 5.0
ANSWER_LIMIT_BYTES = 256 << 20
COLLECTION = "hyperparameterTuningJobs"
ANY_PARENT = "projects/-/locations/-"
"""The parent of the jobs of all projects and locations."""


class EmbeddedClient:
    """A client of the service at `url`, `http://HOST:PORT`. `token` is the service's, empty for none.

    Each method makes one request, without repeating it. Raises ServiceError when the service refuses it, and
    ServiceUnreachableError when it gives no usable answer.
    """

    def __init__(self, url: str, token: str = "") -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    def job(self, name: str) -> HyperparameterTuningJob:
        """Return a job with its trials."""
        return _parsed(self._request("GET", f"/v1/{_path(name)}"))

    def jobs(self, parent: str, limit: int) -> tuple[HyperparameterTuningJob, ...]:
        """Return the newest jobs under `projects/P/locations/L`, without their trials."""
        answer = self._request("GET", f"/v1/{_path(parent)}/{COLLECTION}?{urlencode({'pageSize': limit})}")
        found = answer.get(COLLECTION, [])
        return tuple(_parsed(job) for job in found) if isinstance(found, list) else ()

    def machine_use(self, name: str, points: int) -> MachineUse:
        """Return what the machines of a job's trials were busy with, with this number of points a curve at most.

        Raises ServiceUnreachableError for an answer of another form.
        """
        answer = self._request("GET", f"/v1/{_path(name)}:machineUse?{urlencode({'points': points})}")
        try:
            return parse_machine_use(answer, "machineUse")
        except DocumentError as error:
            raise ServiceUnreachableError(f"the tuning service's answer is no use of machines: {error}") from error

    def log(self, name: str, trial_id: str) -> str:
        """Return the end of a trial's log."""
        log = self._request("GET", f"/v1/{_path(name)}/trials/{_path(trial_id)}:log").get("log")
        return log if isinstance(log, str) else ""

    def stop_trial(self, name: str, trial_id: str) -> None:
        """Stop a running trial early."""
        self._request("POST", f"/v1/{_path(name)}/trials/{_path(trial_id)}:stop")

    def cancel(self, name: str) -> None:
        """Ask a job to end."""
        self._request("POST", f"/v1/{_path(name)}:cancel")

    def _request(self, method: str, target: str) -> JsonObject:
        # http.client uses no proxy of the environment, which would read the token.
        connection = http.client.HTTPConnection(self._host, self._port, timeout=REQUEST_LIMIT_S)
        try:
            connection.request(method, target, headers=self._headers)
            answer = connection.getresponse()
            status, body = answer.status, answer.read(ANSWER_LIMIT_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise ServiceUnreachableError(f"the tuning service does not answer ({error})") from error
        finally:
            connection.close()
        try:
            document: Json = json.loads(body)
        except ValueError as error:
            raise ServiceUnreachableError(f"the tuning service gave no JSON ({error})", http_status=status) from error
        fields = document if isinstance(document, Mapping) else {}
        if status != 200:
            raise ServiceError(_message(fields, status), http_status=status)
        return fields


def _path(name: str) -> str:
    return quote(name, safe="/-")


def _message(answer: JsonObject, status: int) -> str:
    error = answer.get("error")
    text = error.get("message") if isinstance(error, Mapping) else None
    return f"the tuning service answered {status}: {excerpt(str(text or 'without a message'), 400)}"


def _parsed(document: Json) -> HyperparameterTuningJob:
    try:
        return parse_job(document)
    except DocumentError as error:
        raise ServiceUnreachableError(f"the tuning service's answer is not a job: {error}") from error
