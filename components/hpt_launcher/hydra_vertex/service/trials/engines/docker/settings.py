"""Parses the settings of the Docker engine. Pure, but for the check that mounted folders exist."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.service.devices.resource_options import size

from .places import GCS_MOUNT, SHARED_MOUNT

Pull: TypeAlias = Literal["missing", "always", "never"]
PULLS: Final[tuple[Pull, ...]] = ("missing", "always", "never")

SMALLEST_MEMORY_BYTES = 6 << 20
"""Docker refuses a lower limit."""

_USER = re.compile(r"(\d{1,10})(?::(\d{1,10}))?", re.ASCII)
_VOLUME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*", re.ASCII)
_MODES = {"": False, "rw": False, "ro": True}


@dataclass(frozen=True, slots=True)
class ExtraMount:
    """A folder or file of the host (an absolute path), or a volume (a name), and its path in the container."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class DockerSettings:
    """The keys of the engine's config file. None and empty mean the default that docs/engine-docker.md names.

    `user` is `UID` or `UID:GID`. `gpus` is the number of GPUs of a worker; None means its machineSpec's.
    """

    host: str = ""
    network: str = "bridge"
    user: str = ""
    cpus: float | None = None
    memory: int | None = None
    shm_size: int | None = None
    gpus: int | None = None
    gpu_devices: tuple[str, ...] | None = None
    mounts: tuple[ExtraMount, ...] = ()
    read_only: bool = False
    init: bool = True
    pull: Pull = "missing"


def parse_settings(given: JsonObject) -> DockerSettings:
    """Return the settings. A value None is the default.

    Raises UserError for an unknown key, and for a value that is not allowed.
    """
    known = [field.name for field in fields(DockerSettings)]
    unknown = sorted(given.keys() - known)
    if unknown:
        raise UserError(f"{unknown[0]}: not a key of the Docker engine; its keys are {', '.join(known)}")
    values = {key: _PARSERS[key](key, value) for key, value in given.items() if value is not None}
    return DockerSettings(**values)  # type: ignore[arg-type]  # each parser returns the type of its field


def parse_user(text: str) -> tuple[int, int | None]:
    """Return uid and gid of `UID` or `UID:GID`. Raises ValueError."""
    match = _USER.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return int(match[1]), None if match[2] is None else int(match[2])


def _refused(key: str, expected: str, value: Json) -> UserError:
    return UserError(f"{key}: expected {expected}, got {value!r}")


def _text(key: str, value: Json) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise _refused(key, "a text that is not empty", value)
    return value


def _network(key: str, value: Json) -> str:
    name = _text(key, value)
    if ":" in name or name == "default":
        raise _refused(key, "none, host, bridge, or the name of a network (`docker network ls`)", value)
    return name


def _user(key: str, value: Json) -> str:
    # A number is refused, because it may be 1000:50 in YAML, which is 60050.
    if not isinstance(value, str) or _USER.fullmatch(value) is None:
        raise _refused(key, "numbers in quotes, as '1000:1000' or '1000' (names depend on the image)", value)
    return value


def _cpus(key: str, value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.01 <= value <= 1e6:
        raise _refused(key, "a number of CPUs of at least 0.01, such as 2 or 0.5", value)
    return float(value)


def _bytes(key: str, value: Json) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    try:
        return size(value) if isinstance(value, str) else size("")
    except argparse.ArgumentTypeError as error:
        raise _refused(key, "a size such as 8GiB, or a number of bytes", value) from error


def _memory(key: str, value: Json) -> int:
    limit = _bytes(key, value)
    if limit < SMALLEST_MEMORY_BYTES:
        raise _refused(key, "at least 6MiB, Docker's lower limit", value)
    return limit


def _gpus(key: str, value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _refused(key, "a number of GPUs for each worker, 0 for none", value)
    return value


def _devices(key: str, value: Json) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not value:
        raise _refused(key, "a list of GPUs, such as ['0', '1'] or UUIDs of `nvidia-smi -L`", value)
    names = [str(name) if isinstance(name, int) and not isinstance(name, bool) else name for name in value]
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9:/_.-]*", name, re.ASCII):
            raise _refused(key, "indices or UUIDs of GPUs", name)
    devices = tuple(str(name) for name in names)
    if len(set(devices)) != len(devices):
        raise _refused(key, "each GPU once", value)
    return devices


def _flag(key: str, value: Json) -> bool:
    if not isinstance(value, bool):
        raise _refused(key, "true or false", value)
    return value


def _pull(key: str, value: Json) -> Pull:
    for policy in PULLS:
        if policy == value:
            return policy
    raise _refused(key, "missing, always or never", value)


def _mounts(key: str, value: Json) -> tuple[ExtraMount, ...]:
    if not isinstance(value, (list, tuple)):
        raise _refused(key, "a list of SOURCE:TARGET or SOURCE:TARGET:ro", value)
    mounts = tuple(_mount(f"{key}[{place}]", entry) for place, entry in enumerate(value))
    targets = [PurePosixPath(mount.target) for mount in mounts]
    for place, target in enumerate(targets):
        if target in targets[:place]:
            raise _refused(f"{key}[{place}]", "a target that no other mount has", value[place])
    return mounts


def _mount(key: str, value: Json) -> ExtraMount:
    parts = value.split(":") if isinstance(value, str) else []
    if len(parts) not in {2, 3} or "\0" in str(value):
        raise _refused(key, "SOURCE:TARGET or SOURCE:TARGET:ro, as `docker run --volume` has it", value)
    source, target, mode = (*parts, "")[:3]
    if mode not in _MODES:
        raise _refused(key, "ro or rw after the target", value)
    _check_source(key, source, value)
    place = PurePosixPath(target)
    own = (PurePosixPath(SHARED_MOUNT), PurePosixPath("/"))
    if not place.is_absolute() or ".." in place.parts or place in own or own[0] in place.parents:
        raise _refused(key, f"an absolute path in the container, other than / and {SHARED_MOUNT}", value)
    if place == PurePosixPath(GCS_MOUNT):
        raise _refused(key, f"a folder below {GCS_MOUNT}, such as {GCS_MOUNT}/my-bucket", value)
    return ExtraMount(source, target, _MODES[mode])


def _check_source(key: str, source: str, value: Json) -> None:
    if source.startswith("/"):
        if not Path(source).exists():
            raise _refused(key, "a folder or file that exists (Docker would refuse each trial)", value)
    elif _VOLUME.fullmatch(source) is None:
        raise _refused(key, "an absolute path of this machine, or the name of a volume, before the first colon", value)


_PARSERS: Mapping[str, Callable[[str, Json], object]] = MappingProxyType(
    {
        "host": _text,
        "network": _network,
        "user": _user,
        "cpus": _cpus,
        "memory": _memory,
        "shm_size": _bytes,
        "gpus": _gpus,
        "gpu_devices": _devices,
        "mounts": _mounts,
        "read_only": _flag,
        "init": _flag,
        "pull": _pull,
    }
)
