"""Asks an app about its config: one child process, `hydra-trial --explain --socket`, answers all questions."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.command import PROGRAM
from hydra_vertex.protocol.dialogue import (
    Accepted,
    Answer,
    Detail,
    Failed,
    Question,
    Refused,
    dump_question,
    parse_answer,
)
from hydra_vertex.protocol.errors import AppError, CommandError, HydraVertexError, UserError
from hydra_vertex.protocol.explanation import Composition, DescribedKey, Explanation

from .trial_process import trial_process

EXPLAIN_LIMIT_S = 300.0
"""Time limit in seconds. An app may import large libraries before its config is composed."""
_ANSWER_LIMIT_S = 120.0
_EXIT_LIMIT_S = 10.0
"""Time that the app's process has to exit after the dialogue, before it is killed."""
_POLL_INTERVAL_S = 0.05
_MOST_OUTPUT_BYTES = 1 << 16
_MOST_PATH_BYTES = 100
"""A Unix socket's path has 107 bytes at most on Linux, and 103 on macOS."""


class App:
    """A dialogue with the process of an app that has called its Hydra main."""

    def __init__(self, name: str, connection: socket.socket, child: subprocess.Popen[bytes], folder: Path) -> None:
        self._name = name
        self._child = child
        self._folder = folder
        self._connection = connection
        self._lines = connection.makefile("rb")

    def ask(self, question: Question) -> Accepted | Refused:
        """Return the app's answer. Raises AppError when the app gives none, or none within a time limit."""
        match self._answer(question):
            case Failed(message):
                raise AppError(f"{self._name}: {message}")
            case answer:
                return answer

    def explain(self, parameters: Sequence[str] = ()) -> Explanation:
        """Compose the app's config with `parameters`. Raises UserError when it does not accept them."""
        answer = self._accepted(Question(tuple(parameters), detail=Detail.EXPLAIN))
        if answer.explanation is None:
            raise AppError(f"{self._name}: answered without an explanation")
        return answer.explanation

    def compose(self, arguments: Sequence[str], parameters: Sequence[str] = ()) -> Composition:
        """Compose the app's config with `arguments` in place of its own. Raises UserError when it refuses them."""
        answer = self._accepted(Question(tuple(parameters), tuple(arguments), Detail.COMPOSE))
        if answer.composition is None:
            raise AppError(f"{self._name}: answered without a config")
        return answer.composition

    def describe(self, keys: Sequence[str], parameters: Sequence[str] = ()) -> tuple[DescribedKey, ...]:
        """Describe keys and config groups. Raises UserError when the app's config does not have one of them."""
        return self._accepted(Question(tuple(parameters), detail=Detail.DESCRIBE, keys=tuple(keys))).keys

    def _accepted(self, question: Question) -> Accepted:
        answer = self.ask(question)
        if isinstance(answer, Refused):
            raise UserError(answer.problems[0].message)
        return answer

    def _answer(self, question: Question) -> Answer:
        try:
            self._connection.sendall(dump_question(question))
            line = self._lines.readline()
        except TimeoutError as error:
            raise AppError(f"{self._name}: gave no answer about its config after {_ANSWER_LIMIT_S:.0f} s") from error
        except OSError as error:
            raise self._ended() from error
        if not line.endswith(b"\n"):
            raise self._ended()
        return parse_answer(line)

    def _ended(self) -> AppError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(_EXIT_LIMIT_S)
        tail = _last_lines(self._folder)
        return AppError(f"{self._name}: its process ended while its config was composed{tail and chr(10)}{tail}")


@contextmanager
def asking(
    app: Sequence[str], *, options: Sequence[str] = (), limit_s: float = EXPLAIN_LIMIT_S
) -> Iterator[PendingApp]:
    """Start the app's process, up to the call of its Hydra main. It exits at the end of the block; it never trains.

    `options` are further options of hydra-trial, such as `--alias=ID=KEY`, which maps a parameter to a key.
    Raises CommandError when the arguments are too long for a process.
    """
    with _private_folder() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        path = Path(folder, "socket")
        listener.bind(str(path))
        listener.listen(1)
        child = _start(trial_process([*options, "--explain", "--socket", str(path)], app), app, folder)
        pending = PendingApp(app, child, listener, folder, limit_s)
        grace_s = 0.0
        try:
            yield pending
            grace_s = _EXIT_LIMIT_S
        except HydraVertexError:
            grace_s = _EXIT_LIMIT_S
            raise
        finally:
            _end(child, grace_s if pending.disconnect() else 0.0)


class PendingApp:
    """An app's process that may not have called its Hydra main yet."""

    def __init__(
        self, app: Sequence[str], child: subprocess.Popen[bytes], listener: socket.socket, folder: Path, limit_s: float
    ) -> None:
        self._name = " ".join(app)
        self._child = child
        self._listener = listener
        self._folder = folder
        self._limit_s = limit_s
        self._deadline = time.monotonic() + limit_s
        self._connection: socket.socket | None = None

    def connected(self) -> App:
        """Wait until the app has called its Hydra main.

        Raises UserError with the message of hydra-trial when that refuses the command, and AppError when the app fails
        before its config is composed, or takes longer than the time limit.
        """
        self._listener.settimeout(_POLL_INTERVAL_S)
        while self._connection is None:
            has_ended = self._child.poll() is not None
            with contextlib.suppress(TimeoutError):
                self._connection = self._listener.accept()[0]
                break
            if has_ended:
                raise self._not_connected(self._child.returncode)
            if time.monotonic() > self._deadline:
                raise AppError(f"{self._name}: its config was not composed after {self._limit_s:.0f} s")
        self._connection.settimeout(_ANSWER_LIMIT_S)
        return App(self._name, self._connection, self._child, self._folder)

    def disconnect(self) -> bool:
        """End the dialogue. Return whether there was one, so that the app's process now exits."""
        if self._connection is None:
            return False
        # A file object made of the socket keeps its descriptor open.
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()
        return True

    def _not_connected(self, returncode: int) -> UserError | AppError:
        if returncode == UserError.exit_code:
            return UserError(_refusal(_output(self._folder, "stderr")))
        tail = _last_lines(self._folder)
        return AppError(f"{self._name}: failed with exit code {returncode} before its config was composed\n{tail}")


@contextmanager
def _private_folder() -> Iterator[Path]:
    """A temporary folder that only this user can enter, with a path that is short enough for a socket in it."""
    parent = None if len(os.fsencode(tempfile.gettempdir())) + 40 < _MOST_PATH_BYTES else "/tmp"  # noqa: S108 - short
    folder = tempfile.mkdtemp(prefix="hydra-vertex-", dir=parent)
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(command: Sequence[str], app: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start the child with its output in files, as the leader of a process group."""
    with Path(folder, "stdout").open("wb") as stdout, Path(folder, "stderr").open("wb") as stderr:
        try:
            return subprocess.Popen(
                list(command), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True
            )
        except OSError as error:
            size = sum(len(part) for part in command)
            raise CommandError(
                f"{excerpt(shlex.join(app))}: cannot be started with its arguments, {size:,} characters "
                f"({error.strerror})"
            ) from error


def _end(child: subprocess.Popen[bytes], grace_s: float) -> None:
    """Wait for the child to exit, and kill what is left of its process group."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(grace_s)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _output(folder: Path, name: str) -> str:
    """Return the end of what the child has written to stdout or stderr."""
    with Path(folder, name).open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _MOST_OUTPUT_BYTES))
        return file.read().decode(errors="replace")


def _last_lines(folder: Path) -> str:
    text = _output(folder, "stdout") + _output(folder, "stderr")
    return "\n".join(excerpt(line, 500) for line in text.strip().splitlines()[-20:])


def _refusal(stderr: str) -> str:
    prefix = f"{PROGRAM}: "
    lines = [line for line in stderr.splitlines() if line.strip()]
    messages = [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]
    return (messages or lines or [f"{PROGRAM} refused the arguments without a message"])[-1]
