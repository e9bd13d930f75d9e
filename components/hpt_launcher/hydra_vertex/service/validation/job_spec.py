"""Validates what tuning jobs and custom jobs have in common: names, labels, worker pools. Pure.

Every message starts with the field's path. Source: the field comments of custom_job.proto,
env_var.proto and machine_resources.proto in google/cloud/aiplatform/v1, and https://cloud.google.com/resource-manager/docs/labels-overview#requirements.
"""

from __future__ import annotations

from collections.abc import Mapping

from hydra_vertex.job import ContainerSpec, TrialJobSpec, WorkerPoolSpec
from hydra_vertex.job.fields import parse_integer
from hydra_vertex.job.quoting import quoted

from .command import validate_command
from .refusals import invalid, refuse_unknown, unimplemented

DISPLAY_NAME_LIMIT = 128
LABEL_LIMIT = 64
POOLS_LIMIT = 4
"""The primary, the workers, the parameter servers and the evaluators."""
LABELS_LIMIT = 64
OUTPUT_DIRECTORY = "baseOutputDirectory.outputUriPrefix"
UNSPECIFIED_ACCELERATOR = "ACCELERATOR_TYPE_UNSPECIFIED"


def validate_display_name(name: str) -> None:
    """Raises Refusal unless the name has 1 to DISPLAY_NAME_LIMIT characters."""
    if not name or len(name) > DISPLAY_NAME_LIMIT:
        invalid("displayName", f"expected 1 to {DISPLAY_NAME_LIMIT} characters, got {quoted(name)}")


def validate_labels(labels: Mapping[str, str]) -> None:
    """Raises Refusal unless keys and values follow Google Cloud's rules for labels."""
    if len(labels) > LABELS_LIMIT:
        invalid("labels", f"expected {LABELS_LIMIT} at most, got {len(labels)}")
    for key, value in labels.items():
        if not key or not _is_label(key) or not (key[0].isalpha()):
            invalid(
                f"labels.{key}",
                f"a key is 1 to {LABEL_LIMIT} {_LABEL_RULE}, and begins with a letter; got {quoted(key)}",
            )
        if not _is_label(value):
            invalid(f"labels.{key}", f"a value is 0 to {LABEL_LIMIT} {_LABEL_RULE}; got {quoted(value)}")


_LABEL_RULE = "lower-case letters, digits, underscores and dashes"


def _is_label(text: str) -> bool:
    # Letters of scripts without case are neither upper nor lower case, and are allowed.
    return len(text) <= LABEL_LIMIT and all(c in "_-" or (c.isalnum() and not c.isupper()) for c in text)


def validate_job_spec(spec: TrialJobSpec, path: str) -> None:
    """Raises Refusal: INVALID_ARGUMENT as the real API would, UNIMPLEMENTED for what only the real API can do."""
    pools = f"{path}.workerPoolSpecs"
    if not spec.worker_pools:
        invalid(pools, "expected a worker pool")
    if len(spec.worker_pools) > POOLS_LIMIT:
        invalid(pools, f"expected {POOLS_LIMIT} at most, got {len(spec.worker_pools)}")
    if spec.timeout_s is not None and spec.timeout_s <= 0:
        invalid(f"{path}.scheduling.timeout", f"expected more than 0s, got {spec.timeout_s}s")
    for index, pool in enumerate(spec.worker_pools):
        # In the API, an empty pool means that this pool is not used.
        if index == 0 or pool != WorkerPoolSpec():
            _validate_pool(pool, f"{pools}[{index}]", on_persistent_resource="persistentResourceId" in spec.other)
    if (
        len([pool for pool in spec.worker_pools if pool != WorkerPoolSpec()]) > 1
        and spec.worker_pools[0].replica_count > 1
    ):
        invalid(f"{pools}[0].replicaCount", "the first of several pools has the one primary replica; expected 1")


def _validate_pool(pool: WorkerPoolSpec, path: str, *, on_persistent_resource: bool) -> None:
    if pool.replica_count < 1:
        invalid(f"{path}.replicaCount", f"expected 1 or more, got {pool.replica_count}")
    if "pythonPackageSpec" in pool.other:
        unimplemented(f"{path}.pythonPackageSpec", "Python packages in place of a command")
    refuse_unknown(path, pool.other, {"diskSpec", "nfsMounts", "lustreMounts"})
    container = pool.container or ContainerSpec()
    if not container.command and not path.endswith("[0]"):
        # A server of Vertex AI, such as a reduction server, is its image's ENTRYPOINT.
        unimplemented(f"{path}.containerSpec.command", "worker pools without a command")
    _validate_container(container, f"{path}.containerSpec")
    _validate_machine(pool, f"{path}.machineSpec", needs_type=not on_persistent_resource)


def _validate_machine(pool: WorkerPoolSpec, path: str, *, needs_type: bool) -> None:
    machine = pool.machine
    if needs_type and not machine.get("machineType"):
        invalid(f"{path}.machineType", "is empty; name the machine that the job is meant for, such as 'n1-standard-4'")
    count = parse_integer(machine.get("acceleratorCount", 0), f"{path}.acceleratorCount")
    kind = machine.get("acceleratorType") or UNSPECIFIED_ACCELERATOR
    if count < 0:
        invalid(f"{path}.acceleratorCount", f"expected 0 or more, got {count}")
    if (kind != UNSPECIFIED_ACCELERATOR) != (count > 0):
        invalid(f"{path}.acceleratorType", f"acceleratorType and acceleratorCount go together, got {kind} and {count}")


def _validate_container(container: ContainerSpec, path: str) -> None:
    if not container.image_uri:
        invalid(f"{path}.imageUri", "is empty; the API requires one, although this service runs the command without it")
    validate_command(container, path)
