"""The targets of the repository's Dockerfile as images of the machine's Docker engine, for tests that need one."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

from conftest import ROOT
from release.version import project_version

BUILD_LIMIT_S = 1500
RUN_LIMIT_S = 300


def docker(*arguments: str, limit_s: float = RUN_LIMIT_S) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=limit_s, check=False
    )


def require_engine() -> None:
    """Skip the test where no engine answers."""
    if shutil.which("docker") is None or docker("info").returncode != 0:
        pytest.skip("no Docker engine answers `docker info`")


@cache
def built(target: str) -> str:
    """Return the tag of a target's image, which is built with the engine's cache. Skips without an engine."""
    require_engine()
    tag = f"localhost/hydra-vertex-{target}:test-{os.getpid()}"
    version = ("--build-arg", f"VERSION={project_version()}")
    command = ("build", "--network", "host", "--target", target, *version, "--tag", tag, ".")
    # Of two test processes one builds the common layers, and the other then finds them in the engine's cache.
    with Path(tempfile.gettempdir(), "hydra-vertex-docker-build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = docker(*command, limit_s=BUILD_LIMIT_S)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return tag


def remove(*names: str) -> None:
    """Remove names of images; the engine keeps the layers that other images share."""
    docker("image", "rm", "--force", "--no-prune", *names)


def run(
    image: str, *arguments: str, options: tuple[str, ...] = (), entrypoint: str = ""
) -> subprocess.CompletedProcess[str]:
    other = ("--entrypoint", entrypoint) if entrypoint else ()
    return docker("run", "--rm", "--network", "none", *options, *other, image, *arguments)
