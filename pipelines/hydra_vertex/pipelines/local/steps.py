"""Runs one step of a pipeline as a child process, and reads its outputs."""

from __future__ import annotations

import os
import signal
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hydra_vertex.launcher.files.disk_space import DISKS_VARIABLE, FullDisk, full_disk
from hydra_vertex.launcher.text.terminal import one_line
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import CommandError, OutputError
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.protocol.secret_references import KEPT, reference_names

from .child import run_step_process
from .failures import StepFailed
from .python_steps import is_python_step

_PYTHONS = {"python", "python3"}
_TUNE = "hydra_vertex.launcher.steps.tune"


@dataclass(frozen=True, slots=True)
class Step:
    """One start of a step. `name` is that of its folder, which is the component's unless others run it too.

    `component` is the component's name. `image` is the step's image, which only a run in containers uses.
    """

    name: str
    command: tuple[str, ...]
    variables: Mapping[str, str]
    output_file: str
    component: str = ""
    image: str = ""

    @staticmethod
    def is_tune(command: Sequence[str]) -> bool:
        """Whether a command is that of the tuning step."""
        return _TUNE in command


class StepObserver(Protocol):
    """Is told about the steps of a pipeline."""

    def started(self, step: str) -> None:
        """Called before a step starts."""

    def ended(self, step: str, error: str) -> None:
        """Called when a step has ended; `error` is empty when it has succeeded."""


class NoObserver:
    """Does nothing with what happens to the steps."""

    def started(self, step: str) -> None:
        """Do nothing."""

    def ended(self, step: str, error: str) -> None:
        """Do nothing."""


def _no_variables(_command: Sequence[str]) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class StepSettings:
    """How the steps of a pipeline are run.

    The `disks` are watched for free space. `is_cancelled` says, after SIGTERM, whether the pipeline was cancelled; its
    steps then get SIGTERM too, else SIGINT. None: steps are in this process's group, as in a terminal. With `goes_on`,
    the retries of a failed step and the exit tasks of the pipeline are run, as on a cluster; else the run ends.
    `environment` returns the variables of the environment in which a Python function runs.
    """

    disks: tuple[Path, ...] = ()
    goes_on: bool = False
    environment: Callable[[Sequence[str]], Mapping[str, str]] = _no_variables
    observer: StepObserver = field(default_factory=NoObserver)
    is_cancelled: Callable[[], bool] | None = None
    containers: StepContainers | None = None
    """How a step is run in a container; None runs its command as a child process of this one."""


class StepContainers(Protocol):
    """Runs steps in containers."""

    def step_command(self, step: Step, name: str, variables: Sequence[str]) -> list[str]:
        """Return the command that runs a step in a container of this name, with these variables of its environment."""

    def end(self, name: str) -> None:
        """End a container that may still run."""


def run_step(step: Step, settings: StepSettings) -> JsonObject:
    """Run a step and return its outputs.

    Raises StepFailed with the step's exit code, CommandError, OutputError when its outputs are no JSON object.
    """
    output_file = Path(step.output_file)
    output_file.parent.mkdir(parents=True, exist_ok=True)
    # Another attempt has the same folder; what the failed one wrote is not its output.
    output_file.unlink(missing_ok=True)
    settings.observer.started(step.component or step.name)
    returncode = _exit_code(step, settings)
    if returncode != 0:
        failed = StepFailed(step.name, returncode)
        settings.observer.ended(step.component or step.name, f"The step ended with exit code {failed.exit_code}.")
        raise failed
    settings.observer.ended(step.component or step.name, "")
    return _written(step, output_file)


def _written(step: Step, output_file: Path) -> JsonObject:
    """Return the outputs that a step wrote; none when it wrote no file. Raises OutputError for another content."""
    if not output_file.exists():
        return {}
    try:
        written = json.loads(output_file.read_bytes())
    except ValueError as error:
        raise OutputError(f"{output_file}: the step {step.name} wrote no JSON as its outputs ({error})") from error
    if not isinstance(written, Mapping):
        raise OutputError(f"{output_file}: the step {step.name} wrote no JSON object as its outputs")
    return written


def _exit_code(step: Step, settings: StepSettings) -> int:
    # No container has the variables of this shell, so hydra-trial must leave references to secrets in them.
    kept = ",".join(name for name in reference_names(os.environ) if name not in step.variables)
    is_here = settings.containers is None and is_python_step(step.command)
    own = settings.environment(step.command) if is_here else {}
    watched = {DISKS_VARIABLE: os.pathsep.join(map(str, settings.disks)), KEPT: kept}
    # The tuning step draws a live table on the terminal and reports full disks itself.
    watch = (lambda: None) if Step.is_tune(step.command) else DiskWatch(step.name, settings.disks).look
    variables = {**step.variables, **own, **watched}
    container = f"hydra-vertex-{uuid.uuid4().hex[:12]}-{step.name.replace('/', '-')}"
    command = (
        [_program(step.command[0]), *step.command[1:]]
        if settings.containers is None
        else settings.containers.step_command(step, container, tuple(variables))
    )
    is_cancelled = settings.is_cancelled
    stop_signal = None if is_cancelled is None else lambda: signal.SIGTERM if is_cancelled() else signal.SIGINT
    try:
        return run_step_process(command, variables, watch, stop_signal)
    except OSError as error:
        problem = f"the step {step.name} cannot be started: {step.command[0]}: {error.strerror}"
        settings.observer.ended(step.component or step.name, problem)
        raise CommandError(problem) from error
    finally:
        if settings.containers is not None:
            settings.containers.end(container)


class DiskWatch:
    """Reports on stderr when a disk becomes full, and when it has space again."""

    def __init__(self, step: str, disks: Sequence[Path]) -> None:
        self._step = step
        self._disks = disks
        self._full: FullDisk | None = None

    def look(self) -> None:
        """Check the disks and report a change since the last call."""
        full = full_disk(self._disks)
        if full is not None and self._full is None:
            self._say(f"{full}: the step {self._step} may fail; free some space there, or run the same command later")
        if full is None and self._full is not None:
            self._say(f"the disk of {self._full.folder} has space again")
        self._full = full

    def _say(self, line: str) -> None:
        print(one_line(line), file=sys.stderr, flush=True)


def _program(name: str) -> str:
    """Return this environment's program of the same name. Only argv[0] is replaced, never an argument."""
    if name in _PYTHONS:
        return sys.executable
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else name
