"""The requests to the Kubernetes API, with JSON documents, and their errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.service.trials.engines.contract import RefusedError, UnavailableError

from .connection import Connection
from .documents import field, mapping, objects, text
from .refusals import is_quota_in_use
from .rights import Right, advice, missing_right

TIMEOUT_S = (5.0, 20.0)
"""Limits of connecting, and of waiting for data."""

FOLLOW_TIMEOUT_S = (5.0, 120.0)
_CONFLICT, _NOT_FOUND = 409, 404


class NodeUnavailableError(UnavailableError):
    """The API server answers, but has no log from the kubelet of the Pod's node."""


class _AbsentError(Exception):
    """The API answered that there is no such object, or that there is one already."""


class Cluster:
    """A namespace of a cluster. All methods raise UnavailableError when the API does not answer or refuses a right."""

    def __init__(self, connection: Connection) -> None:
        from kubernetes import client

        self.namespace = connection.namespace
        self.server = str(connection.client.configuration.host)
        self._clock_offset = timedelta()
        self._core = client.CoreV1Api(connection.client)
        self._batch = client.BatchV1Api(connection.client)
        self._authorization = client.AuthorizationV1Api(connection.client)

    def now(self) -> datetime:
        """Return the time by the API server's clock, with which the times in its documents are compared."""
        return datetime.now(timezone.utc) + self._clock_offset

    def create_job(self, manifest: JsonObject, *, is_dry_run: bool = False) -> JsonObject | None:
        """Create a Job and return it; None when one of this name exists. Raises RefusedError."""
        more = {"dry_run": "All"} if is_dry_run else {}
        return self._create(self._batch.create_namespaced_job, manifest, **more)

    def create_service(self, manifest: JsonObject) -> JsonObject | None:
        """Create a Service and return it; None when one of this name exists. Raises RefusedError."""
        return self._create(self._core.create_namespaced_service, manifest)

    def jobs(self, selector: str) -> tuple[JsonObject, ...]:
        """Return the Jobs with these labels."""
        return self._items(self._batch.list_namespaced_job, label_selector=selector)

    def pods(self, selector: str) -> tuple[JsonObject, ...]:
        """Return the Pods with these labels."""
        return self._items(self._core.list_namespaced_pod, label_selector=selector)

    def pod_metrics(self, selector: str) -> tuple[JsonObject, ...] | None:
        """Return what the Pods with these labels use; None where the cluster does not say it to this user."""
        with suppress(_AbsentError), self._errors("list", "pods.metrics.k8s.io", absent={403, _NOT_FOUND, 503}):
            response = self._core.api_client.call_api(
                f"/apis/metrics.k8s.io/v1beta1/namespaces/{self.namespace}/pods",
                "GET",
                query_params=[("labelSelector", selector)],
                header_params={"Accept": "application/json"},
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=TIMEOUT_S,
            )
            return objects(_document(bytes(response.data)), "items")
        return None

    def events(self, name: str) -> tuple[JsonObject, ...]:
        """Return the events about an object. By name: the events of the taint manager have no uid."""
        return self._items(self._core.list_namespaced_event, field_selector=f"involvedObject.name={name}")

    def job(self, name: str) -> JsonObject | None:
        """Return a Job; None when there is none."""
        return self._get(self._batch.read_namespaced_job, name)

    def pod(self, name: str) -> JsonObject | None:
        """Return a Pod; None when there is none."""
        return self._get(self._core.read_namespaced_pod, name)

    def delete_job(self, name: str, uid: str, *, is_foreground: bool) -> None:
        """Delete a Job and its Pods, gracefully. In the foreground, the Job is visible until its Pods have ended.

        Nothing happens when there is none, or another one of this name.
        """
        body = {"propagationPolicy": "Foreground" if is_foreground else "Background", "preconditions": {"uid": uid}}
        with suppress(_AbsentError), self._errors("delete", "jobs", absent={_NOT_FOUND, _CONFLICT}):
            self._send(self._batch.delete_namespaced_job, name, body=body)

    def log(self, pod: str, container: str, since: str, limit_bytes: int) -> bytes | None:
        """Return the first bytes of a container's log from a time on (RFC 3339; empty: all), each line with its time.

        None when there is no such log (any more).
        """
        with suppress(_AbsentError), _node_errors(), self._errors("get", "pods/log", absent={_NOT_FOUND, 400}):
            return bytes(self._open_log(pod, container, since, limit_bytes).data)
        return None

    def followed_log(self, pod: str, container: str, since: str) -> Iterator[bytes] | None:
        """Return the parts of a container's log until the container has ended; None when there is no such log.

        The request is sent at once.
        """
        with suppress(_AbsentError), _node_errors(), self._errors("get", "pods/log", absent={_NOT_FOUND, 400}):
            return self._parts(self._open_log(pod, container, since, None))
        return None

    def _parts(self, response: Any) -> Iterator[bytes]:
        with self._errors("get", "pods/log"):
            try:
                yield from response.stream(1 << 16)
            finally:
                response.release_conn()

    def _open_log(self, pod: str, container: str, since: str, limit_bytes: int | None) -> Any:
        """Send the request. A log without a limit is followed."""
        # The client's own method has no sinceTime.
        query: list[tuple[str, object]] = [("container", container), ("timestamps", "true")]
        query += [("sinceTime", since)] if since else []
        query += [("follow", "true")] if limit_bytes is None else [("limitBytes", limit_bytes)]
        return self._core.api_client.call_api(
            f"/api/v1/namespaces/{self.namespace}/pods/{pod}/log",
            "GET",
            query_params=query,
            header_params={"Accept": "*/*"},
            auth_settings=["BearerToken"],
            _preload_content=False,
            _return_http_data_only=True,
            _request_timeout=FOLLOW_TIMEOUT_S if limit_bytes is None else TIMEOUT_S,
        )

    def is_allowed(self, right: Right) -> bool:
        """Ask whether this user has a right. True when the cluster does not answer the question."""
        resource, _, subresource = right.resource.partition("/")
        attributes = {
            "namespace": self.namespace,
            "verb": right.verb,
            "group": right.group,
            "resource": resource,
            "subresource": subresource,
        }
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        body = {**review, "spec": {"resourceAttributes": attributes}}
        with suppress(_AbsentError), self._errors("create", review["kind"], absent={403, _NOT_FOUND}):
            answer = _document(self._send(self._authorization.create_self_subject_access_review, body))
            return field(answer, "status", "allowed") is True
        return True

    def _create(self, method: Callable[..., Any], manifest: JsonObject, **more: object) -> JsonObject | None:
        kind = text(manifest, "kind")
        try:
            with self._errors("create", kind, absent={_CONFLICT}, is_final=True):
                return _document(self._send(method, self.namespace, manifest, **more))
        except _AbsentError as error:
            answer = error.__cause__
            if reason_of(getattr(answer, "body", None)) == "AlreadyExists":
                return None
            # The other conflict is of two requests that change the same quota; the message asks to try again.
            raise self._translated(answer, is_final=False) from answer

    def _items(self, method: Callable[..., Any], **more: object) -> tuple[JsonObject, ...]:
        with self._errors("list", ""):
            content = self._send(method, self.namespace, **more)
        return objects(_document(content), "items")

    def _get(self, method: Callable[..., Any], name: str) -> JsonObject | None:
        with suppress(_AbsentError), self._errors("get", "", absent={_NOT_FOUND}):
            return _document(self._send(method, name))
        return None

    def _send(self, method: Callable[..., Any], *arguments: object, **more: object) -> bytes:
        name = getattr(method, "__name__", "")
        if name.startswith(("read_", "delete_")):
            arguments = (*arguments, self.namespace)
        response = method(*arguments, _preload_content=False, _request_timeout=TIMEOUT_S, **more)
        with suppress(TypeError, ValueError):  # without the header Date
            self._clock_offset = parsedate_to_datetime(response.headers.get("Date")) - datetime.now(timezone.utc)
        return bytes(response.data)

    @contextmanager
    def _errors(
        self, verb: str, resource: str, *, absent: frozenset[int] | set[int] = frozenset(), is_final: bool = False
    ) -> Iterator[None]:
        """Translate the client's errors; statuses in `absent` to _AbsentError. `is_final`: a refusal is for good."""
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        try:
            yield
        except ApiException as error:
            if error.status in absent:
                raise _AbsentError from error
            raise self._translated(error, is_final=is_final) from error
        except (HTTPError, OSError, ValueError) as error:
            raise UnavailableError(f"the Kubernetes API does not answer ({verb} {resource}): {error}") from error

    def _translated(self, error: Any, *, is_final: bool) -> Exception:
        message = message_of(error.body) or str(error.reason)
        right = missing_right(message) if error.status == 403 else None
        if right is not None:
            return UnavailableError(advice((right,), self.namespace))
        if error.status == 401:
            return UnavailableError(f"the Kubernetes API does not accept the credentials: {message}")
        if not error.status:  # a broken TLS connection
            return UnavailableError(f"the Kubernetes API does not answer: {message}")
        is_refusal = is_final and 400 <= error.status < 500 and error.status not in (408, 429)
        is_refusal = is_refusal and not is_quota_in_use(message)
        said = f"{message} (HTTP {error.status})"
        return RefusedError(said) if is_refusal else UnavailableError(f"the Kubernetes API answers: {said}")


@contextmanager
def _node_errors() -> Iterator[None]:
    """Translate the failures of a request that the API server passes on to a kubelet."""
    from kubernetes.client import ApiException
    from urllib3.exceptions import ReadTimeoutError

    try:
        yield
    except UnavailableError as error:
        cause = error.__cause__
        is_of_node = isinstance(cause, ApiException) and (cause.status or 0) >= 500
        if is_of_node or isinstance(cause, ReadTimeoutError):
            raise NodeUnavailableError(str(error)) from error
        raise


def message_of(body: object) -> str:
    """Return the message in an error's body, a Status of the API; the body itself when it is none."""
    return _of_status(body, "message") or _shown(body).strip()


def reason_of(body: object) -> str:
    """Return the reason in an error's body, such as `AlreadyExists`; empty when it is no Status of the API."""
    return _of_status(body, "reason")


def _of_status(body: object, name: str) -> str:
    try:
        return text(json.loads(_shown(body)), name)
    except ValueError:
        return ""


def _shown(body: object) -> str:
    return body.decode(errors="replace") if isinstance(body, bytes) else str(body or "")


def _document(content: bytes) -> JsonObject:
    document: Json = json.loads(content)
    return mapping({"": document}, "")
