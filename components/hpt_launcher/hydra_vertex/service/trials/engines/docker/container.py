"""Builds the document with which a worker's container is created. Pure.

Source of the fields: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerCreate
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from hydra_vertex.job.env_references import expanded
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.protocol.secret_fingerprints import FINGERPRINTS
from hydra_vertex.protocol.secret_references import reference_names
from hydra_vertex.service.trials.engines.cluster_environ import Address, cluster_environ
from hydra_vertex.service.trials.engines.contract import Launch, RefusedError, Worker

from .places import (
    FINGERPRINTS_PATH,
    SHARED_MOUNT,
    Output,
    container_name,
    identity_of,
    output_of,
    shared_folder,
    worker_name,
)
from .settings import DockerSettings, ExtraMount

SERVICE_LABEL = "hydra-vertex/service"
LAUNCH_LABEL = "hydra-vertex/launch"
JOB_LABEL = "hydra-vertex/job"
TRIAL_LABEL = "hydra-vertex/trial"
WORKER_LABEL = "hydra-vertex/worker"
GPUS_LABEL = "hydra-vertex/gpus"
"""The GPUs of a container, with commas: those that the next container does not get."""

HOST_NETWORK, LOOPBACK = "host", "127.0.0.1"
LOG_FILE_SIZE, LOG_FILES = "64m", "2"
NANO_CPUS = 1_000_000_000
TMPFS_OPTIONS = "rw,exec,nosuid,nodev,mode=1777"


def container_document(
    launch: Launch,
    worker: Worker,
    settings: DockerSettings,
    service_id: str,
    gpus: Sequence[str] = (),
    ports: Sequence[int] = (),
) -> dict[str, Json]:
    """Return the body of Docker's request ContainerCreate.

    `gpus` are the devices of this worker, `ports` those of `cluster_addresses`. Raises RefusedError for text that no
    process can get.
    """
    output = output_of(launch)
    cluster = cluster_variables(launch, worker, settings, ports)
    document: dict[str, Json] = {
        "Image": worker.image,
        "Env": [f"{name}={value}" for name, value in worker_environ(launch, worker, output, cluster).items()],
        "Cmd": [_checked(f"args[{place}]", text) for place, text in enumerate(worker.args)],
        "User": settings.user,
        "Labels": dict(container_labels(launch, worker, service_id, gpus)),
        # Docker's stop, and its own end, send this signal and wait this long; the image may name others.
        "StopSignal": "SIGTERM",
        "StopTimeout": math.ceil(launch.grace_s),
        "Healthcheck": {"Test": ["NONE"]},
        "Tty": False,
        "OpenStdin": False,
        "HostConfig": _host_config(launch, worker, settings, output, gpus),
    }
    if worker.command:
        # Like `command` on Kubernetes: it replaces the image's ENTRYPOINT, and its CMD too. Docker takes [""] for none.
        if not worker.command[0]:
            raise RefusedError("command[0]: is empty, so it names no program")
        document["Entrypoint"] = [_checked(f"command[{place}]", text) for place, text in enumerate(worker.command)]
    return document


def cluster_variables(
    launch: Launch, worker: Worker, settings: DockerSettings, ports: Sequence[int]
) -> Mapping[str, str]:
    """Return the variables by which several workers find each other.

    In the host's network all are at 127.0.0.1, with a port of `ports` for each and one more for the chief; in a network
    of the user they have the names of their containers.
    """
    if settings.network == HOST_NETWORK and ports:
        hosts = {one.place: Address(LOOPBACK, port) for one, port in zip(launch.workers, ports[1:], strict=True)}
        return cluster_environ(launch, worker, hosts, ports[0])
    return cluster_environ(launch, worker, {one.place: Address(container_name(launch, one)) for one in launch.workers})


def worker_environ(launch: Launch, worker: Worker, output: Output, cluster: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the image's own are overridden by. Raises RefusedError."""
    identity = identity_of(launch, output)
    given = expanded(worker.environ, identity)
    secrets = {FINGERPRINTS: FINGERPRINTS_PATH} if any(reference_names(given)) else {}
    variables = {**given, **cluster, **identity, **secrets}
    for name, value in variables.items():
        if not name or "=" in name:
            raise RefusedError(f"env: {name!r} is no name of an environment variable")
        _checked("env", name)
        _checked(f"env.{name}", value)
    return variables


def container_labels(launch: Launch, worker: Worker, service_id: str, gpus: Sequence[str]) -> Mapping[str, str]:
    """Return the labels: the job's own, and those by which this engine finds its containers."""
    own = {
        SERVICE_LABEL: service_id,
        LAUNCH_LABEL: launch.id,
        JOB_LABEL: launch.job_id,
        TRIAL_LABEL: launch.trial_id,
        WORKER_LABEL: worker_name(worker),
    }
    return {**launch.labels, **own, **({GPUS_LABEL: ",".join(gpus)} if gpus else {})}


def gpu_count(worker: Worker, settings: DockerSettings) -> int:
    """Return how many GPUs a worker gets: the setting's number, or its machineSpec's. Raises RefusedError."""
    if settings.gpus is not None:
        return settings.gpus
    count = worker.machine.get("acceleratorCount", 0) or 0
    if isinstance(count, bool) or not isinstance(count, (int, float)) or count < 0 or count != int(count):
        raise RefusedError(f"machineSpec.acceleratorCount: expected a number of GPUs, got {count!r}")
    return int(count)


def _host_config(
    launch: Launch, worker: Worker, settings: DockerSettings, output: Output, gpus: Sequence[str]
) -> dict[str, Json]:
    config: dict[str, Json] = {
        "NetworkMode": settings.network,
        "Privileged": False,
        "CapDrop": ["ALL"],
        # Images that are made for any user let group 0 write, such as the home folder of this project's.
        "GroupAdd": ["0"],
        "SecurityOpt": ["no-new-privileges"],
        "Init": settings.init,
        "ReadonlyRootfs": settings.read_only,
        "RestartPolicy": {"Name": "no"},
        "AutoRemove": False,
        "Mounts": list(_mounts(launch, settings, output)),
        # The engine's default may be a driver that cannot be read.
        "LogConfig": {"Type": "json-file", "Config": {"max-size": LOG_FILE_SIZE, "max-file": LOG_FILES}},
    }
    if settings.read_only:
        config["Tmpfs"] = {"/tmp": TMPFS_OPTIONS}  # noqa: S108 - in the container
    if settings.cpus is not None:
        config["NanoCpus"] = round(settings.cpus * NANO_CPUS)
    if settings.memory is not None:
        # Equal numbers: no swap on top.
        config.update({"Memory": settings.memory, "MemorySwap": settings.memory})
    if settings.shm_size is not None:
        config["ShmSize"] = settings.shm_size
    if (count := gpu_count(worker, settings)) > 0:
        devices: JsonObject = {"DeviceIDs": list(gpus)} if gpus else {"Count": count}
        config["DeviceRequests"] = [{"Driver": "", "Capabilities": [["gpu"]], **devices}]
    return config


def _mounts(launch: Launch, settings: DockerSettings, output: Output) -> Iterator[JsonObject]:
    """The mounts. Docker refuses a source that its machine does not have, and creates none (unlike `--volume`)."""
    yield _mount(ExtraMount(str(shared_folder(launch)), SHARED_MOUNT))
    yield _mount(ExtraMount(str(output.source), output.target))
    yield from map(_mount, settings.mounts)


def _mount(mount: ExtraMount) -> JsonObject:
    kind = "bind" if mount.source.startswith("/") else "volume"
    return {"Type": kind, "Source": mount.source, "Target": mount.target, "ReadOnly": mount.read_only}


def _checked(field: str, text: str) -> str:
    if "\0" in text:
        raise RefusedError(f"{field}: contains a NUL character, which no process can get: {text!r}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise RefusedError(f"{field}: is not UTF-8, so Docker cannot take it: {text!r}") from None
    return text
