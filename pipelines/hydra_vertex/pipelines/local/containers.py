"""The containers of a local run: each step, and the check of the app, by the command `docker run`.

kfp's own DockerRunner is not used: it reports success for a container that is gone when it is asked (kubeflow/pipelines
#13332), appends a step's command to the image's ENTRYPOINT, and leaves the outputs to whatever user the image has.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hydra_vertex.launcher.preflight.trial_process import trials_started_as
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.pipelines.image.docker_cli import (
    PROGRAM,
    DockerError,
    docker_output,
    is_unknown_container,
    remove_container,
    run_container,
)
from hydra_vertex.protocol.errors import CommandError
from hydra_vertex.protocol.private_files import APP_UMASK

_LABEL = "hydra-vertex.run"
_SOCKET = "--socket"
_RUN_WORDS = 3
"""The number of the words `docker run --rm`."""
_STOP_S = 40
"""Seconds that a container gets from SIGTERM to SIGKILL: the tuning service in it has 30 to end its trials."""
_LIMIT_S = 300.0
_OWN_OPTIONS = (
    *("--name", "--rm", "--detach", "-d", "--entrypoint", "--network", "--net", "--init", "--tty", "-t"),
    *("--interactive", "-i", "-it", "-ti", "--cidfile", "--restart", "--label", "-l"),
)
_SHORT_FLAGS = re.compile(r"-[Pq]*[dit]")
"""A group of short options with one of hydra-vertex's own, such as `-dP`: with -d no one waits for the container."""
_ATTACHED = re.compile(r"-[acehmpuvw].+", re.DOTALL)
"""A short option with its value, such as `-v/data:/data`."""
_WITHOUT_VALUE = (
    *("--privileged", "--read-only", "--publish-all", "-P", "--no-healthcheck", "--oom-kill-disable", "--quiet", "-q"),
    *("--disable-content-trust", "--use-api-socket"),
)
"""Options that take no value. Any other one without a value would take the following word of the command as its value.

Source: `docker run --help`.
"""
_WRITE = "import os, sys; os.close(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))"


@dataclass(frozen=True, slots=True)
class Containers:
    """How the containers of a run are started.

    `folder` is the run's. Each container has the `mounts` under the same paths. `image` is that of the check. `network`
    is empty for the engine's default. `options` are the user's own options of `docker run`.
    """

    folder: Path
    image: str
    network: str = ""
    options: tuple[str, ...] = ()
    mounts: tuple[Path, ...] = ()

    def command(self, name: str, image: str, words: Sequence[str], variables: Sequence[str] = ()) -> list[str]:
        """Return the command that runs `words` in a container; the values of the variables are in its environment.

        The first word replaces the image's ENTRYPOINT. The container's user is this one, so that the outputs are this
        user's files, and it is in group 0, for which images of any user make their folders writable.
        """
        first, *others = words
        names = (*variables, *([APP_UMASK] if APP_UMASK in os.environ else []))
        return [
            *(PROGRAM, "run", "--rm", "--init", "--name", name, "--label", f"{_LABEL}={self._mark()}"),
            *("--user", f"{os.getuid()}:{os.getgid()}", "--group-add", "0"),
            *(("--network", self.network) if self.network else ()),
            *(word for path in dict.fromkeys(self.mounts) for word in _mount(path)),
            *(word for variable in names for word in ("--env", variable)),
            *self.options,
            *("--entrypoint", first, image, *others),
        ]

    def end(self, name: str) -> None:
        """End a container that may still run, with SIGTERM first, and remove it."""
        if self._is_known(name):
            with contextlib.suppress(DockerError):
                docker_output(["stop", "--time", str(_STOP_S), name], _LIMIT_S)
            remove_container(name)

    def end_earlier(self) -> int:
        """End the containers that earlier starts of the run have left. Return their number. Raises DockerError."""
        left = docker_output(["ps", "--all", "--quiet", "--filter", f"label={_LABEL}={self._mark()}"]).split()
        for container in left:
            self.end(container)
        return len(left)

    def require_shared_folder(self) -> None:
        """Check that a container writes to the run's folder as this user. Raises CommandError."""
        file = self.folder / f".written-{uuid.uuid4().hex[:8]}"
        words = ["python", "-c", _WRITE, str(file)]
        name = _new_name()
        ended = run_container(self.command(name, self.image, words)[_RUN_WORDS:], _LIMIT_S, name)
        is_written = file.exists()
        file.unlink(missing_ok=True)
        if ended.returncode == 0 and is_written:
            return
        lines = [line for line in ended.stderr.splitlines() if line.strip()]
        reason = lines[-1] if lines else "the file is not on this machine"
        raise CommandError(
            f"{self.folder}: a container of {self.image} cannot write to it ({excerpt(reason, 300)}); the engine has "
            "to be on this machine, and with a rootless engine give --docker-option=--user=0:0"
        )

    @contextlib.contextmanager
    def check_in_image(self, variables: Mapping[str, str]) -> Iterator[None]:
        """Let the check of the app run in the image, without a network, with these variables of the environment."""
        names = list[str]()

        def command(words: Sequence[str]) -> list[str]:
            names.append(_new_name())
            mounts = (Path(words[words.index(_SOCKET) + 1]).parent,) if _SOCKET in words else ()
            there = replace(self, network="none", mounts=mounts)
            return there.command(names[-1], self.image, words, tuple(variables))

        try:
            with trials_started_as(command):
                yield
        finally:
            for name in names:
                self.end(name)

    def _mark(self) -> str:
        return hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]

    def _is_known(self, name: str) -> bool:
        """Whether the engine may have the container: an engine that does not answer may have it."""
        try:
            return bool(docker_output(["container", "inspect", "--format", "{{.Id}}", name]))
        except DockerError as error:
            return not is_unknown_container(error)


def _new_name() -> str:
    return f"hydra-vertex-{uuid.uuid4().hex[:12]}-check"


def require_options(options: Sequence[str]) -> None:
    """Check the user's own options of `docker run`. Raises CommandError."""
    for option in options:
        name = option.partition("=")[0]
        if not option.startswith("-") or any(character.isspace() for character in name):
            raise CommandError(
                f"--docker-option {excerpt(repr(option))}: expected one option of `docker run` with its value, such as "
                "--docker-option=--gpus=all or --docker-option=--volume=/data:/data:ro"
            )
        if name in _OWN_OPTIONS or _SHORT_FLAGS.match(name):
            hint = "; give --network to hydra-vertex" if name in {"--network", "--net"} else ""
            raise CommandError(f"--docker-option {name}: hydra-vertex gives this option itself{hint}; leave it out")
        if "=" not in option and name not in _WITHOUT_VALUE and not _ATTACHED.fullmatch(option):
            raise CommandError(f"--docker-option {excerpt(option)}: has no value; give it as {excerpt(option)}=VALUE")


def _mount(path: Path) -> tuple[str, str]:
    text = str(path)
    # In docker's syntax a comma separates fields; the field is quoted as in a CSV file.
    quoted = text.replace('"', '""')
    source = f'"source={quoted}"' if "," in text or '"' in text else f"source={text}"
    target = f'"target={quoted}"' if "," in text or '"' in text else f"target={text}"
    return "--mount", f"type=bind,{source},{target}"
