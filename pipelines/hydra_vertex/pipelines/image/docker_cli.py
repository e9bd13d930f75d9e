"""Calls the command `docker` with argument lists. Its own settings (DOCKER_HOST, a context) decide on the engine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO

from hydra_vertex.launcher.text.terminal import excerpt, one_line
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import CommandError, HydraVertexError
from hydra_vertex.protocol.json import Json

PROGRAM = "docker"
_ANSWER_LIMIT_S = 60.0
"""Seconds for a question to the engine that starts no container and builds nothing."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""The classic builder colours the errors of a build, on whatever its stderr is."""
_IS_BEING_REMOVED = "is already in progress"
"""What the engine says about a container that it removes itself, as it has ended and was started with `--rm`."""
_DOCKER_HUB = ("", "docker.io", "index.docker.io")
_IMAGE_NAME = re.compile(
    r"(?:(?P<host>(?:localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+(?=:\d))(?::\d{1,5})?)/)?"
    r"(?P<path>[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?",
    re.ASCII,
)
"""A name of an image without a digest. Source: the grammar of github.com/distribution/reference."""


class DockerError(HydraVertexError):
    """The command `docker` failed. The message ends with what it said."""


@dataclass(frozen=True, slots=True)
class ImageName:
    """A name that an image is given. `host` is the registry with its port; empty for Docker Hub's default."""

    host: str
    path: str
    tag: str

    def __str__(self) -> str:
        return f"{self.host}/{self.path}:{self.tag}" if self.host else f"{self.path}:{self.tag}"

    @property
    def repository(self) -> str:
        """The name without its tag, as the engine shows it: without Docker Hub's host."""
        if self.host in _DOCKER_HUB:
            return self.path.removeprefix("library/")
        return str(self).removesuffix(f":{self.tag}")


def parse_image_name(text: str) -> ImageName:
    """Parse `[HOST[:PORT]/]PATH[:TAG]`; without a tag it is `latest`, as docker has it. Raises CommandError."""
    found = _IMAGE_NAME.fullmatch(text)
    if found is None:
        raise CommandError(
            f"{excerpt(repr(text))}: not a name that an image can be given; expected [REGISTRY/]PATH[:TAG] in lower "
            "case, such as europe-docker.pkg.dev/p/r/train:1"
        )
    return ImageName(found["host"] or "", found["path"], found["tag"] or "latest")


def require_engine() -> str:
    """Check that an engine answers. Return its architecture, such as `x86_64`. Raises CommandError."""
    if shutil.which(PROGRAM) is None:
        raise CommandError("the command docker is not on PATH; install Docker's command line and start an engine")
    try:
        answer = _called(["info", "--format", "{{.ServerVersion}} {{.Architecture}}"], _ANSWER_LIMIT_S)
    except subprocess.TimeoutExpired as error:
        raise CommandError(
            f"no Docker engine has answered `docker info` within {_ANSWER_LIMIT_S:.0f} s; see `docker context ls`"
        ) from error
    version, _, architecture = answer.stdout.strip().partition(" ")
    if answer.returncode != 0 or not version:
        raise CommandError(
            f"no Docker engine answers `docker info` ({_reason(answer.stderr)}); start one, or set DOCKER_HOST"
        )
    return architecture


def docker_output(arguments: Sequence[str], limit_s: float = _ANSWER_LIMIT_S) -> str:
    """Return the stdout of a docker command. Raises DockerError with its last line when it fails."""
    try:
        answer = _called(arguments, limit_s)
    except subprocess.TimeoutExpired as error:
        raise DockerError(f"docker {arguments[0]} has not ended after {limit_s:.0f} s") from error
    if answer.returncode != 0:
        raise DockerError(f"docker {arguments[0]} failed with exit code {answer.returncode}: {_reason(answer.stderr)}")
    return answer.stdout


def inspected(image: str) -> dict[str, Json]:
    """Return what the engine says about an image. Raises DockerError when it has none of this name."""
    found = json.loads(docker_output(["image", "inspect", image]))
    first = found[0] if isinstance(found, list) and found else {}
    return dict(first) if isinstance(first, dict) else {}


def run_container(arguments: Sequence[str], limit_s: float, own_name: str = "") -> subprocess.CompletedProcess[str]:
    """Run `docker run` with these arguments and return its output. Raises DockerError after `limit_s`.

    The container is removed after the limit and after an interrupt, as it does not end with the command `docker`.
    `own_name` is its name, when the arguments give it one.
    """
    name = own_name or f"hydra-vertex-{uuid.uuid4().hex[:12]}-question"
    naming = () if own_name else ("--name", name)
    try:
        return _called(["run", "--rm", *naming, *arguments], limit_s)
    except BaseException as error:
        remove_container(name)
        if isinstance(error, subprocess.TimeoutExpired):
            raise DockerError(f"docker run has not ended after {limit_s:.0f} s") from error
        raise


def is_unknown_container(error: DockerError) -> bool:
    """Whether the engine says that it has no container of the name."""
    return "no such container" in str(error).lower()


def remove_container(name: str) -> None:
    """End a container at once, if there is one. A line on stderr names one that the engine does not remove."""
    try:
        docker_output(["rm", "--force", "--volumes", name])
    except DockerError as error:
        if not is_unknown_container(error) and _IS_BEING_REMOVED not in str(error):
            text = f"the container {name} may still run ({error}); `docker rm --force {name}` ends it"
            print(one_line(text, 1000), file=sys.stderr, flush=True)


def docker_shown(
    arguments: Sequence[str], content: Callable[[tarfile.TarFile], None] | None = None
) -> tuple[int, tuple[str, ...]]:
    """Run a docker command with its output on stderr. Return the exit code and the last lines of the output.

    `content` writes the build context as a tar archive, which the command reads from stdin. None: stdin is empty.
    """
    child = subprocess.Popen(
        [PROGRAM, *arguments],
        stdin=subprocess.DEVNULL if content is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=False,
    )
    try:
        if content is not None and child.stdin is not None:
            _write_archive(child.stdin, content)
        lines = _copied_lines(child.stdout)
    except BaseException:
        child.kill()
        raise
    finally:
        child.wait()
        if child.stdout is not None:
            child.stdout.close()
    return child.returncode, lines


def _write_archive(stream: IO[bytes], content: Callable[[tarfile.TarFile], None]) -> None:
    """Write the archive to the command. A command that ends before it has read everything says why itself."""
    try:
        with stream, tarfile.open(fileobj=stream, mode="w|", format=tarfile.GNU_FORMAT) as archive:
            content(archive)
    except BrokenPipeError:
        pass


def _copied_lines(stream: IO[bytes] | None) -> tuple[str, ...]:
    last: list[str] = []
    for line in stream or ():
        text = _COLOUR.sub("", line.decode(errors="replace")).rstrip()
        print(one_line(text, 4000), file=sys.stderr, flush=True)
        last = [*last[-9:], text]
    return tuple(text for text in last if text)


def _called(arguments: Sequence[str], limit_s: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=limit_s,
        check=False,
    )


def _reason(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return excerpt(lines[-1], 500) if lines else "it said nothing"
