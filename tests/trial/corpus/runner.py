"""Runs argument lists on the corpus app in warm processes, and compares the results with the expected ones."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from queue import SimpleQueue

from trial.corpus.cases import Case, Config, Prints, Refused, Runs, Sweeps, canonical

_HERE = Path(__file__).resolve().parent
_CONFIG = "CONFIG "
APP_COMMAND = ("python", "train.py")
END_LIMIT_S = 60


@dataclass(frozen=True, slots=True)
class Finished:
    """The result of a command."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def configs(self) -> list[str]:
        """The config of each job that the app ran, in canonical form."""
        lines = (line for line in self.stdout.splitlines() if line.startswith(_CONFIG))
        return [canonical(json.loads(line.removeprefix(_CONFIG))) for line in lines]


class Verdict(Enum):
    RIGHT = "right"
    SILENTLY_WRONG = "silently wrong"
    FAILED = "crashed or refused"


@dataclass(frozen=True, slots=True)
class Command:
    """`way` is `trial` for `hydra-trial ARGUMENTS`, `python` for `python ARGUMENTS`."""

    way: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class App:
    """The app in a separate folder, its default config, and the processes that run it."""

    folder: Path
    default: Config
    _pool: ServerPool

    def run(self, commands: Sequence[Command]) -> list[Finished]:
        """Run the commands, concurrently on all processors."""
        return self._pool.run(commands)


def trial_command(case: Case) -> Command:
    """`hydra-trial [options] -- python train.py ...`"""
    return Command("trial", (*case.options, "--", *APP_COMMAND, *case.arguments))


def environ() -> dict[str, str]:
    """Return environment variables without those of trials and ranks."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "LANG", "PYTHONPATH", "PYTHONWARNINGS")
        if name in os.environ
    }
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}


@contextmanager
def started_app(source: Path = _HERE / "app") -> Iterator[App]:
    """Copy the app `source` to a new folder, and start a warm process there for each processor."""
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-") as name:
        folder = Path(name, "app")
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(_HERE / "app" / "typed_json.py", folder)
        with ServerPool(folder, os.cpu_count() or 1) as pool:
            (plain,) = pool.run([Command("python", APP_COMMAND[1:])])
            (default,) = plain.configs or [f"the app does not run: {plain.stderr}"]
            yield App(folder, json.loads(default), pool)


class ServerPool:
    """Warm processes (see `warm_server`), each running one command at a time."""

    def __init__(self, folder: Path, size: int) -> None:
        command, pipe = [sys.executable, str(_HERE / "warm_server.py")], subprocess.PIPE
        self._servers = [
            subprocess.Popen(command, cwd=folder, env=environ(), stdin=pipe, stdout=pipe, text=True)
            for _ in range(size)
        ]
        self._idle: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
        for server in self._servers:
            self._idle.put(server)

    def __enter__(self) -> ServerPool:
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.communicate(timeout=END_LIMIT_S)

    def run(self, commands: Sequence[Command]) -> list[Finished]:
        with ThreadPoolExecutor(len(self._servers)) as threads:
            return list(threads.map(self._run, commands))

    def _run(self, command: Command) -> Finished:
        server = self._idle.get()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps({"way": command.way, "arguments": command.arguments}) + "\n")
        server.stdin.flush()
        answer: Mapping[str, object] = json.loads(server.stdout.readline())
        self._idle.put(server)
        return Finished(int(str(answer["exit_code"])), str(answer["stdout"]), str(answer["stderr"]))


def judge(case: Case, finished: Finished, default: Config) -> Verdict:
    """Compare the result with the expected one. For a case to be refused, any failure counts if no job ran."""
    succeeded = finished.exit_code == 0
    match case.expected:
        case Runs() | Sweeps():
            right = succeeded and finished.configs == case.expected.configs(default)
        case Prints(text):
            right = succeeded and not finished.configs and text in finished.stdout
        case Refused():
            right = not succeeded and not finished.configs
    if right:
        return Verdict.RIGHT
    return Verdict.SILENTLY_WRONG if succeeded else Verdict.FAILED
