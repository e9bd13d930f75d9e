"""Which settings of the Docker engine are accepted, and how the others are refused."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import Json
from hydra_vertex.service.trials.engines.docker.settings import (
    DockerSettings,
    ExtraMount,
    parse_settings,
    parse_user,
)

ROOT = Path(__file__).parents[5]


def test_the_defaults_need_no_key() -> None:
    assert parse_settings({}) == DockerSettings()
    assert parse_settings(dict.fromkeys(field.name for field in fields(DockerSettings))) == DockerSettings()


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("host", "unix:///run/user/1000/docker.sock", "unix:///run/user/1000/docker.sock"),
        ("network", "host", "host"),
        ("user", "1000", "1000"),
        ("user", "1000:100", "1000:100"),
        ("cpus", 2, 2.0),
        ("cpus", 0.5, 0.5),
        ("memory", "8GiB", 8 << 30),
        ("memory", 1 << 30, 1 << 30),
        ("shm_size", "1Gi", 1 << 30),
        ("gpus", 0, 0),
        ("gpu_devices", [0, "GPU-5a1b", "MIG-5a1b"], ("0", "GPU-5a1b", "MIG-5a1b")),
        ("mounts", ["/usr:/data", "/usr:/x:ro", "volume:/y:rw"],
         (ExtraMount("/usr", "/data"), ExtraMount("/usr", "/x", read_only=True), ExtraMount("volume", "/y"))),
        ("read_only", True, True),
        ("init", False, False),
        ("pull", "always", "always"),
    ],
)  # fmt: skip
def test_a_value_is_taken_over(key: str, value: Json, expected: object) -> None:
    assert getattr(parse_settings({key: value}), key) == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("host", ""),
        ("host", 1),
        ("network", "container:other"),
        ("network", "default"),
        ("network", True),
        ("user", "root"),
        ("user", "1000:users"),
        ("user", 60050),
        ("user", -1),
        ("user", True),
        ("user", 1.5),
        ("cpus", 0),
        ("cpus", "2"),
        ("cpus", True),
        ("cpus", float("nan")),
        ("cpus", float("inf")),
        ("memory", "5MiB"),
        ("memory", "much"),
        ("memory", 0),
        ("memory", True),
        ("memory", [1]),
        ("shm_size", -1),
        ("gpus", -1),
        ("gpus", "all"),
        ("gpus", 1.0),
        ("gpus", True),
        ("gpu_devices", []),
        ("gpu_devices", "0"),
        ("gpu_devices", ["0", 0]),
        ("gpu_devices", ["0,1"]),
        ("gpu_devices", [True]),
        ("mounts", "/usr:/data"),
        ("mounts", ["/usr"]),
        ("mounts", ["/usr:/data:z"]),
        ("mounts", ["/usr:/a:ro:x"]),
        ("mounts", ["/no/such/folder:/data"]),
        ("mounts", ["relative/path:/data"]),
        ("mounts", ["/usr:data"]),
        ("mounts", ["/usr:/"]),
        ("mounts", ["/usr:/gcs"]),
        ("mounts", ["/usr:/a/../gcs"]),
        ("mounts", ["/usr:/hydra-vertex"]),
        ("mounts", ["/usr:/hydra-vertex/x"]),
        ("mounts", ["/usr:/data", "/var:/data/"]),
        ("mounts", [1]),
        ("read_only", "yes"),
        ("read_only", 1),
        ("init", "no"),
        ("pull", "sometimes"),
        ("pull", True),
    ],
)
def test_another_value_is_refused_by_name(key: str, value: Json) -> None:
    with pytest.raises(UserError, match=rf"^{key}(\[\d\])?: expected .*, got "):
        parse_settings({key: value})


def test_an_unknown_key_is_refused_with_the_keys_that_there_are() -> None:
    with pytest.raises(
        UserError, match="privileged: not a key of the Docker engine; its keys are host, network, user,"
    ):
        parse_settings({"privileged": True})


@pytest.mark.parametrize(("text", "expected"), [("1000", (1000, None)), ("0:0", (0, 0)), ("1:2", (1, 2))])
def test_a_user_is_numbers(text: str, expected: tuple[int, int | None]) -> None:
    assert parse_user(text) == expected


def test_every_key_is_in_the_documentation() -> None:
    page = (ROOT / "docs/engine-docker.md").read_text()

    assert [field.name for field in fields(DockerSettings) if f"| `{field.name}` |" not in page] == []
