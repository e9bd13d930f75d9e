"""Logs the trials of a job as runs of a Vertex Experiment, with Google's MetadataService."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.launcher.secrets.masker import Masker
from hydra_vertex.protocol.errors import ServiceError
from hydra_vertex.protocol.json import JsonObject

from .experiment_runs import experiment_runs, require_experiment_name, store_of
from .plain_http import require_loopback
from .retry import RetryLimits, repeat, transient_errors
from .service_errors import service_errors

if TYPE_CHECKING:
    from google.cloud.aiplatform_v1 import MetadataServiceClient
    from google.cloud.aiplatform_v1.types import Context

T = TypeVar("T")

LIMITS = RetryLimits(total_s=60.0)
"""A selection does not wait long for a log."""
_CHILDREN_AT_ONCE = 100
_RUN = ("system.ExperimentRun", "0.0.1")
_EXPERIMENT = ("system.Experiment", "0.0.1")
_EXPERIMENT_METADATA: JsonObject = {"experiment_deleted": False}
"""The console lists experiments by this field."""


def log_experiment(job: HyperparameterTuningJob, experiment: str, mask: Masker, api_endpoint: str = "") -> str:
    """Create or update the experiment and a run for each trial. Return one sentence about what was logged.

    Logging a job again changes the runs of the first time. Raises UserError for an invalid name, and ServiceError when
    the service refuses or does not answer.
    """
    require_experiment_name(experiment)
    runs = experiment_runs(job, experiment, mask)
    store = store_of(job)
    log = _ExperimentLog(_client(store, api_endpoint), store)
    with service_errors(f"logging the trials in the experiment {experiment}"):
        log.provide_store()
        parent = log.put(experiment, experiment, "", _EXPERIMENT, _EXPERIMENT_METADATA)
        names = [log.put(run.id, run.display_name, run.description, _RUN, run.metadata) for run in runs]
        log.add_children(parent, names)
    return f"{len(names)} trials are logged as runs of the experiment {experiment}"


def _client(store: str, api_endpoint: str) -> MetadataServiceClient:
    """Return a client as that of the tuning service: plain http is for this machine only. Raises UserError."""
    from google.cloud import aiplatform_v1

    if api_endpoint.startswith("http://"):
        from google.auth.credentials import AnonymousCredentials

        require_loopback(api_endpoint)
        client = aiplatform_v1.MetadataServiceClient(
            client_options={"api_endpoint": api_endpoint}, transport="rest", credentials=AnonymousCredentials()
        )
        # A proxy of the environment cannot reach this machine. The transport has no option for it.
        client.transport._session.trust_env = False
        return client
    endpoint = api_endpoint.removeprefix("https://") or f"{store.split('/')[3]}-aiplatform.googleapis.com"
    with service_errors("connecting to " + endpoint):
        return aiplatform_v1.MetadataServiceClient(client_options={"api_endpoint": endpoint})


class _ExperimentLog:
    """The contexts of one metadata store."""

    def __init__(self, client: MetadataServiceClient, store: str) -> None:
        self._client = client
        self._store = store

    def provide_store(self) -> None:
        """Create the project's default metadata store if there is none yet."""
        from google.api_core import exceptions

        def provide() -> None:
            try:
                self._client.get_metadata_store(name=self._store, timeout=LIMITS.request_s, retry=None)
            except exceptions.NotFound:
                parent, _, store_id = self._store.rpartition("/metadataStores/")
                self._client.create_metadata_store(
                    parent=parent, metadata_store={}, metadata_store_id=store_id, timeout=LIMITS.request_s
                ).result(timeout=LIMITS.total_s)

        _repeat(provide)

    def put(
        self, context_id: str, display_name: str, description: str, schema: tuple[str, str], metadata: JsonObject
    ) -> str:
        """Create the context, or give an existing run this metadata. Return its resource name.

        Nothing of an existing experiment is changed: it may have a TensorBoard. Raises ServiceError when a context of
        this name is something else.
        """
        from google.api_core import exceptions
        from google.cloud.aiplatform_v1.types import Context as Message

        title, version = schema
        context = Message(
            display_name=display_name,
            description=description,
            schema_title=title,
            schema_version=version,
            metadata=dict(metadata),
        )
        name = f"{self._store}/contexts/{context_id}"

        def put() -> None:
            try:
                found = self._client.get_context(name=name, timeout=LIMITS.request_s, retry=None)
            except exceptions.NotFound:
                # An error 409 is repeated: then another process has created it, and it is found.
                self._client.create_context(
                    parent=self._store, context=context, context_id=context_id, timeout=LIMITS.request_s, retry=None
                )
                return
            if found.schema_title != title:
                raise ServiceError(f"{name} exists and is a {found.schema_title}, not a {title}; choose another name")
            if schema == _RUN:
                self._update(found, metadata)

        _repeat(put)
        return name

    def add_children(self, parent: str, names: Sequence[str]) -> None:
        """Add the runs to the experiment; those that it has already stay as they are."""
        for start in range(0, len(names), _CHILDREN_AT_ONCE):
            children = list(names[start : start + _CHILDREN_AT_ONCE])
            request = {"context": parent, "child_contexts": children}
            _repeat(
                lambda request=request: self._client.add_context_children(  # type: ignore[misc] # bound in the loop
                    request=request, timeout=LIMITS.request_s, retry=None
                )
            )

    def _update(self, found: Context, metadata: JsonObject) -> None:
        from google.protobuf import json_format
        from google.protobuf.field_mask_pb2 import FieldMask

        before = json_format.MessageToDict(type(found).pb(found).metadata)
        if before == {**before, **metadata}:
            return
        found.metadata = {**before, **metadata}
        self._client.update_context(
            context=found, update_mask=FieldMask(paths=["metadata"]), timeout=LIMITS.request_s, retry=None
        )


def _repeat(call: Callable[[], T]) -> T:
    return repeat(call, transient_errors(), LIMITS)
