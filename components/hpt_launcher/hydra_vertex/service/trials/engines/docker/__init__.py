"""The engine `docker`: each worker of a trial is a container of a Docker engine. docs/engine-docker.md describes it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.devices.gpus import find_gpus
from hydra_vertex.service.trials.engines.contract import UnavailableError, WorkerEngine

from .client import Client
from .engine import DockerEngine, Engine
from .folders import container_user
from .settings import DockerSettings, parse_settings, parse_user

START_ATTEMPTS = 3


def make_engine(settings: JsonObject, service_id: str) -> WorkerEngine:
    """Return the engine for the settings of a config file, after it has answered.

    Raises UserError for settings that are not allowed or that the engine cannot follow, and when no engine answers.
    """
    parsed = parse_settings(settings)
    client = Client(parsed.host)
    try:
        info = _checked_info(parsed, client)
    except UserError:
        client.close()
        raise
    security = info.get("SecurityOptions")
    options = [str(option) for option in security] if isinstance(security, (list, tuple)) else []
    given = parse_user(parsed.user) if parsed.user else None
    pool = parsed.gpu_devices
    return DockerEngine(
        Engine(
            client=client,
            settings=parsed,
            user=container_user(given, (os.geteuid(), os.getegid()), options),
            service_id=service_id,
            place=str(info.get("Name") or ""),
            gpu_pool=tuple(gpu.id for gpu in find_gpus(os.environ)) if pool is None else pool,
            has_live_restore=info.get("LiveRestoreEnabled") is True,
        )
    )


def _checked_info(settings: DockerSettings, client: Client, attempts: int = START_ATTEMPTS) -> JsonObject:
    """Return the engine's description of itself. A busy engine is asked several times."""
    try:
        info = client.info()
        check(settings, info, client)
    except UnavailableError as error:
        if attempts > 1:
            return _checked_info(settings, client, attempts - 1)
        raise UserError(f"host: {error}") from error
    return info


def check(settings: DockerSettings, info: Mapping[str, object], client: Client) -> None:
    """Check that the engine has what the settings name. Raises UserError, UnavailableError."""
    if info.get("OSType") != "linux":
        raise UserError(f"host: expected a Docker engine for Linux containers, this one is for {info.get('OSType')}")
    networks = client.network_names()
    if settings.network not in networks:
        raise UserError(
            f"network: the Docker engine has no network {settings.network!r}; it has {', '.join(sorted(networks))} "
            "(`docker network create NAME` makes one)"
        )
    for value, field, key in ((settings.memory, "MemoryLimit", "memory"), (settings.cpus, "CpuCfsQuota", "cpus")):
        if value is not None and info.get(field) is False:
            raise UserError(f"{key}: this Docker engine cannot limit it ({field} is false in `docker info`)")
    for mount in settings.mounts:
        if not mount.source.startswith("/") and not client.volume_exists(mount.source):
            raise UserError(f"mounts: the Docker engine has no volume {mount.source!r}; `docker volume ls` lists them")
