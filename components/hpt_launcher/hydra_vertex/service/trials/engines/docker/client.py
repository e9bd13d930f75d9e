"""The requests to a Docker engine, with its errors as those of the contract.

The client library is imported when the first client is made: it takes 0.3 s, and an extra installs it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.service.trials.engines.contract import RefusedError, UnavailableError

if TYPE_CHECKING:
    import docker.errors as docker_errors
    from docker import APIClient
    from requests import Response

REQUEST_LIMIT_S = 30
ANSWER_BYTES = 1 << 16

# What a machine says that has no memory, disk, process or descriptor left now, and a registry that is busy.
_PASSING = (
    "no space left on device",
    "cannot allocate memory",
    "resource temporarily unavailable",
    "too many open files",
    "device or resource busy",
    "toomanyrequests",
    "i/o timeout",
    "handshake timeout",
    "context deadline exceeded",
    "connection reset by peer",
    "no such container",
    "no such image",
    "marked for removal",
)
_SERVER_ERRORS = {502, 503, 504, 429}


class NotFoundError(Exception):
    """The engine does not have what a request names. The message is what it says."""


DEFAULT_HOST = "unix:///var/run/docker.sock"


class Client:
    """A client of one engine. Its methods raise UnavailableError when the engine does not answer or cannot do it now.

    They can be called in several threads.
    """

    def __init__(self, host: str = "") -> None:
        """Connect to `host`; empty means DOCKER_HOST and the variables beside it, or the local socket.

        Raises UserError without the client library, or when no engine answers.
        """
        try:
            from docker import from_env
            from docker.errors import DockerException
        except ImportError as error:
            raise UserError("--engine docker needs the package docker: pip install 'hydra-vertex[docker]'") from error
        environ = {**os.environ, **({"DOCKER_HOST": host} if host else {})}
        self.host = environ.get("DOCKER_HOST") or DEFAULT_HOST
        try:
            self._api: APIClient = from_env(environment=environ, timeout=REQUEST_LIMIT_S).api
        except (DockerException, OSError, ValueError) as error:
            place = environ.get("DOCKER_HOST") or "its default address (DOCKER_HOST is not set)"
            raise UserError(
                f"host: no Docker engine answers at {place}: {error}. Start it, or set `host` or DOCKER_HOST to the "
                "address that `docker context inspect` shows"
            ) from error

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    def info(self) -> JsonObject:
        """Return the engine's description of itself."""
        return _object(self._get("/info"))

    def network_names(self) -> tuple[str, ...]:
        """Return the names of all networks."""
        return tuple(str(network["Name"]) for network in _objects(self._get("/networks")))

    def volume_exists(self, name: str) -> bool:
        """Whether a volume has this name."""
        try:
            self._get(f"/volumes/{name}")
        except NotFoundError:
            return False
        return True

    def image_exists(self, image: str) -> bool:
        """Whether the engine has the image."""
        with _errors(f"image {image}"):
            try:
                self._api.inspect_image(image)  # type: ignore[no-untyped-call]  # the stubs leave it out
            except _not_found():
                return False
        return True

    def pull(self, image: str) -> None:
        """Pull an image with the credentials of Docker's own config file. Raises RefusedError."""
        with _errors(f"image {image}"):
            try:
                for line in self._api.pull(image, stream=True, decode=True):
                    if error := line.get("error"):
                        raise _failure(f"image {image}", 0, str(error))
            except _not_found() as error:
                raise RefusedError(f"image {image}: {error.explanation}") from error

    def containers(self, labels: Mapping[str, str], *, running: bool = False) -> tuple[JsonObject, ...]:
        """Return the list entries of the containers with these labels; an empty value matches all values."""
        filters = {"label": [f"{name}={value}" if value else name for name, value in labels.items()]}
        parameters = {"all": "false" if running else "true", "filters": json.dumps(filters)}
        return _objects(self._get("/containers/json", parameters))

    def inspect(self, name: str) -> JsonObject | None:
        """Return the inspect document of a container; None when there is none with this name or id."""
        try:
            return _object(self._get(f"/containers/{name}/json"))
        except NotFoundError:
            return None

    def stats(self, name: str) -> JsonObject | None:
        """Return the statistics of a container now; None when there is none with this name or id."""
        try:
            return _object(self._get(f"/containers/{name}/stats", {"stream": "false", "one-shot": "true"}))
        except NotFoundError:
            return None

    def create(self, name: str, document: Mapping[str, Json]) -> None:
        """Create a container. A container that has the name already stays. Raises RefusedError."""
        with _errors(name):
            try:
                self._api.create_container_from_config(dict(document), name)  # type: ignore[no-untyped-call]  # as above
            except _api_error() as error:
                if error.status_code != 409 or "already in use" not in str(error.explanation):
                    raise _failure("container", error.status_code or 0, str(error.explanation)) from error

    def start(self, name: str) -> None:
        """Start a container that was created. A running one stays as it is. Raises RefusedError."""
        with _errors(name):
            self._api.start(name)

    def stop(self, name: str, grace_s: float) -> None:
        """Send SIGTERM and, after `grace_s`, SIGKILL. Blocks until the end. The engine continues if the client dies."""
        with _never_refused(), _errors(name), _ignored_not_found():
            self._api.stop(name, timeout=math.ceil(grace_s))

    def kill(self, name: str) -> None:
        """Send SIGKILL. Does nothing to a container that does not run."""
        with _never_refused(), _errors(name), _ignored_not_found():
            try:
                self._api.kill(name)
            except _api_error() as error:
                if error.status_code != 409:
                    raise

    def remove(self, name: str) -> None:
        """Kill and remove a container and its anonymous volumes, if it exists."""
        with _never_refused(), _errors(name), _ignored_not_found():
            try:
                self._api.remove_container(name, v=True, force=True)
            except _api_error() as error:
                if error.status_code != 409:  # it is being removed already
                    raise

    def logs(self, name: str, since_s: int) -> Iterator[bytes]:
        """Yield the raw stream of a container's log from a time on, with timestamps. Raises NotFoundError."""
        parameters = {"stdout": "1", "stderr": "1", "timestamps": "1", "since": str(since_s)}
        with _errors(name), self._answer(f"/containers/{name}/logs", parameters) as answer:
            yield from answer.iter_content(ANSWER_BYTES)

    def events(self, until_s: float) -> tuple[JsonObject, ...]:
        """Return the events that the engine remembers: the last 256 since its own start."""
        parameters = {"since": "0", "until": f"{until_s:.9f}"}
        with _errors("events"), self._answer("/events", parameters) as answer:
            return tuple(_object(json.loads(line)) for line in answer.iter_lines() if line)

    def _get(self, path: str, parameters: Mapping[str, str] | None = None) -> Json:
        with _errors(path), self._answer(path, parameters or {}) as answer:
            return json.loads(answer.content)

    @contextmanager
    def _answer(self, path: str, parameters: Mapping[str, str]) -> Iterator[Response]:
        url = f"{self._api.base_url}/v{self._api.api_version}{path}"
        with self._api.get(url, params=parameters, timeout=REQUEST_LIMIT_S, stream=True) as answer:
            # 409: the container is being removed.
            if answer.status_code in {404, 409}:
                raise NotFoundError(_message(answer))
            if answer.status_code >= 400:
                raise UnavailableError(f"{path}: {_message(answer)}", http_status=answer.status_code)
            yield answer


@contextmanager
def _errors(what: str) -> Iterator[None]:
    """Raise the contract's errors in place of the library's."""
    from docker.errors import APIError, DockerException
    from requests import RequestException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except APIError as error:
        raise _failure(what, error.status_code or 0, str(error.explanation or error)) from error
    except (RequestException, HTTPError, OSError, ValueError) as error:
        raise UnavailableError(f"the Docker engine does not answer: {error}") from error
    except DockerException as error:
        raise RefusedError(f"{what}: {error}") from error


@contextmanager
def _never_refused() -> Iterator[None]:
    """Let a request that ends containers be repeated, whatever the engine says."""
    try:
        yield
    except RefusedError as error:
        raise UnavailableError(str(error), http_status=error.http_status) from error


@contextmanager
def _ignored_not_found() -> Iterator[None]:
    try:
        yield
    except _not_found():
        return


def _not_found() -> type[docker_errors.NotFound]:
    from docker.errors import NotFound

    return NotFound


def _api_error() -> type[docker_errors.APIError]:
    from docker.errors import APIError

    return APIError


def _failure(what: str, status: int, message: str) -> RefusedError | UnavailableError:
    """The error for an answer: what passes by itself can be repeated."""
    text = f"{what}: {message.strip()}"
    if status in _SERVER_ERRORS or any(sign in message.lower() for sign in _PASSING):
        return UnavailableError(text, http_status=status)
    return RefusedError(text, http_status=status)


def _message(answer: Response) -> str:
    try:
        document = json.loads(answer.content)
    except ValueError:
        return answer.text
    return str(document.get("message", "")) if isinstance(document, Mapping) else answer.text


def _object(value: Json) -> JsonObject:
    if not isinstance(value, Mapping):
        raise UnavailableError(f"the Docker engine answered {value!r:.100}, expected an object")
    return value


def _objects(value: Json) -> tuple[JsonObject, ...]:
    items = value if isinstance(value, (list, tuple)) else ()
    return tuple(_object(cast("Json", item)) for item in items)
