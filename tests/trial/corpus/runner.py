"""Runs argument lists on the app of the corpus, quickly, and says what came of each."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO

from trial.corpus.cases import Case, Config, Prints, Refused, Runs, Sweeps, canonical

_HERE = Path(__file__).resolve().parent
_CONFIG = "CONFIG "
APP_COMMAND = ("python", "train.py")


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def configs(self) -> list[str]:
        """The config of each job that the app ran, canonical."""
        lines = (line for line in self.stdout.splitlines() if line.startswith(_CONFIG))
        return [canonical(json.loads(line.removeprefix(_CONFIG))) for line in lines]


class Verdict(Enum):
    RIGHT = "right"
    SILENTLY_WRONG = "silently wrong"
    FAILED = "crashed or refused"


@dataclass(frozen=True, slots=True)
class App:
    """The app in a folder of its own, its default config, and the process that runs it."""

    folder: Path
    default: Config
    _server: subprocess.Popen[str]

    def trial(self, case: Case) -> Finished:
        """`hydra-trial [options] -- python train.py ...`"""
        return _ask(self._server, "trial", trial_arguments(case))

    def plain(self, arguments: Sequence[str]) -> Finished:
        """`python train.py ...`"""
        return _ask(self._server, "plain", (APP_COMMAND[1], *arguments))


def trial_arguments(case: Case) -> tuple[str, ...]:
    """What stands behind `hydra-trial`."""
    return (*case.options, "--", *APP_COMMAND, *case.arguments)


def environ() -> dict[str, str]:
    """Without what the environment of the tests may say about trials and ranks."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONWARNINGS") if name in os.environ}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}


@contextmanager
def started_app() -> Iterator[App]:
    """The app, copied to a new folder, and a warm process in it."""
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-") as name:
        folder = Path(name, "app")
        shutil.copytree(_HERE / "app", folder, ignore=shutil.ignore_patterns("__pycache__"))
        with _server(folder) as server:
            plain = _ask(server, "plain", (APP_COMMAND[1],))
            (default,) = plain.configs or [f"the app does not run: {plain.stderr}"]
            yield App(folder, json.loads(default), server)


@contextmanager
def _server(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(_HERE / "warm_server.py")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, env=environ(), stdin=pipe, stdout=pipe, text=True) as server:
        try:
            yield server
        finally:
            _end_of(server.stdin)
            server.wait(timeout=60)


def _end_of(pipe: IO[str] | None) -> None:
    if pipe is not None:
        pipe.close()


def _ask(server: subprocess.Popen[str], way: str, arguments: Sequence[str]) -> Finished:
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps({"way": way, "arguments": list(arguments)}) + "\n")
    server.stdin.flush()
    answer: Mapping[str, object] = json.loads(server.stdout.readline())
    return Finished(int(str(answer["exit_code"])), str(answer["stdout"]), str(answer["stderr"]))


def judge(case: Case, finished: Finished, default: Config) -> Verdict:
    """Whether the app got what was meant. For what has to be refused any failure will do, as long as no job ran."""
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
