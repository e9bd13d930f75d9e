"""The parts of `CustomJobSpec` that a trial needs: worker pools, containers, timeout and output folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hydra_vertex.protocol.json import Json, JsonObject

from .fields import Fields, format_duration, parse_text, present


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A container. The service appends the trial's parameters to `args`."""

    image_uri: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkerPoolSpec:
    """One worker pool. The machine, disks and Python packages are kept unchanged."""

    container: ContainerSpec | None = None
    replica_count: int = 1
    machine: JsonObject = field(default_factory=dict)
    other: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrialJobSpec:
    """The job of one trial. `timeout_s` is the maximum run time of a trial; None means the service's default."""

    worker_pools: tuple[WorkerPoolSpec, ...]
    base_output_uri: str = ""
    timeout_s: float | None = None
    scheduling: JsonObject = field(default_factory=dict)
    other: JsonObject = field(default_factory=dict)


def parse_trial_job_spec(value: Json, path: str = "trialJobSpec") -> TrialJobSpec:
    """Read a `CustomJobSpec`. Raises DocumentError naming the field."""
    fields = Fields(value, path)
    scheduling = fields.child("scheduling")
    return TrialJobSpec(
        worker_pools=fields.items("workerPoolSpecs", _parse_pool),
        base_output_uri=fields.child("baseOutputDirectory").text("outputUriPrefix"),
        timeout_s=scheduling.duration_s("timeout"),
        scheduling=scheduling.rest(),
        other=fields.rest(),
    )


def dump_trial_job_spec(spec: TrialJobSpec) -> JsonObject:
    """Return the JSON of a `CustomJobSpec`."""
    timeout = None if spec.timeout_s is None else format_duration(spec.timeout_s)
    return {
        **spec.other,
        "workerPoolSpecs": [_dump_pool(pool) for pool in spec.worker_pools],
        **present(
            baseOutputDirectory=present(outputUriPrefix=spec.base_output_uri),
            scheduling={**spec.scheduling, **present(timeout=timeout)},
        ),
    }


def parse_worker_pools(value: Json, path: str = "workerPoolSpecs") -> tuple[WorkerPoolSpec, ...]:
    """Read an array of worker pools. Raises DocumentError naming the field; `path` is the path of the array."""
    return Fields({"pools": value}, "").items("pools", lambda item, at: _parse_pool(item, at.replace("pools", path, 1)))


def _parse_pool(value: Json, path: str) -> WorkerPoolSpec:
    fields = Fields(value, path)
    return WorkerPoolSpec(
        container=_parse_container(fields.child("containerSpec")) if fields.has("containerSpec") else None,
        replica_count=fields.integer("replicaCount", 1),
        machine=fields.child("machineSpec").rest(),
        other=fields.rest(),
    )


def _dump_pool(pool: WorkerPoolSpec) -> JsonObject:
    if pool == WorkerPoolSpec():
        # The API takes only an empty message for a pool that is not used.
        return {}
    container = None if pool.container is None else _dump_container(pool.container)
    return {
        **pool.other,
        **present(machineSpec=pool.machine, containerSpec=container),
        "replicaCount": str(pool.replica_count),
    }


def _parse_container(fields: Fields) -> ContainerSpec:
    return ContainerSpec(
        image_uri=fields.text("imageUri"),
        command=fields.items("command", parse_text),
        args=fields.items("args", parse_text),
        env=dict(fields.items("env", _parse_variable)),
    )


def _dump_container(container: ContainerSpec) -> JsonObject:
    return present(
        imageUri=container.image_uri,
        command=list(container.command),
        args=list(container.args),
        env=[{"name": name, "value": value} for name, value in container.env.items()],
    )


def _parse_variable(value: Json, path: str) -> tuple[str, str]:
    fields = Fields(value, path)
    return fields.text("name"), fields.text("value")
