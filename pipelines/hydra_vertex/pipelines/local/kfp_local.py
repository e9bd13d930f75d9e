"""Runs a compiled pipeline on this machine with `kfp.local`: each step's container command is run as a child process.

kfp's SubprocessRunner refuses container components. The class of kfp that refuses them is replaced while a pipeline
runs; kfp does everything else (the order of the steps, placeholders, artifacts, outputs).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra_vertex.launcher.files.disk_space import DISKS_VARIABLE, FullDisk, full_disk
from hydra_vertex.launcher.text.terminal import excerpt, one_line
from hydra_vertex.pipelines.compiled_pipeline import read_pipeline
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import CommandError, OutputError
from hydra_vertex.protocol.executor import parse_executor_input
from hydra_vertex.protocol.files import local_path
from hydra_vertex.protocol.json import Json, JsonObject

from .child import run_step_process, sigterm_raises
from .failures import StepFailed

_PYTHONS = {"python", "python3"}
_TUNE = "hydra_vertex.launcher.steps.tune"


@dataclass(frozen=True, slots=True)
class LocalRun:
    """The outputs of a run's steps: the content of the `executor_output.json` of each.

    The keys are the steps' names in the pipeline; kfp names the function `select_best` `select-best`.
    """

    outputs: Mapping[str, JsonObject]

    def artifact(self, step: str, name: str) -> Path:
        """Return the path of an output artifact. Raises OutputError when the step did not write it."""
        found = _at(self.outputs.get(step), "artifacts", name, "artifacts")
        uri = _at(found[0], "uri") if isinstance(found, list) and found else None
        if not isinstance(uri, str) or not local_path(uri).exists():
            raise OutputError(f"the step {step} wrote no artifact {name!r}; see the pipeline's log, pipeline.log")
        return local_path(uri)

    def parameter(self, step: str, name: str) -> Json:
        """Return an output parameter; None when the step did not set it."""
        return _at(self.outputs.get(step), "parameterValues", name)


def run_pipeline(
    file: Path,
    arguments: Mapping[str, str | int | float],
    *,
    pipeline_root: Path,
    log: Path,
    disks: Sequence[Path] = (),
) -> LocalRun:
    """Run a compiled pipeline (.json or .yaml). The messages of kfp go to `log`, those of the steps to stderr.

    A line on stderr reports when one of the `disks` becomes full while a step runs, and when it has space again.
    Raises OutputError when the file is not a compiled pipeline, UserError when the arguments do not fit it, StepFailed
    for the first step that fails. On Ctrl-C and SIGTERM, ends the running step and then raises KeyboardInterrupt.
    """
    read_pipeline(file).check_arguments(arguments)
    log.parent.mkdir(parents=True, exist_ok=True)
    outputs: dict[str, JsonObject] = {}
    with (
        sigterm_raises(),
        log.open("a", encoding="utf-8") as stream,
        contextlib.redirect_stdout(stream),
        _configured(pipeline_root),
        _steps_run(outputs, disks),
    ):
        load(file)(**arguments)
    return LocalRun(outputs)


def load(file: Path) -> Any:
    """Load the pipeline of a file with kfp. Raises OutputError when kfp cannot load it."""
    from kfp import components

    try:
        return components.load_component_from_file(str(file))
    except Exception as error:
        # kfp raises errors of many types for an unexpected structure: KeyError, AttributeError, ParseError.
        reason = excerpt(f"{type(error).__name__}: {error}", 300)
        raise OutputError(f"{file}: kfp cannot load the pipeline ({reason}); compile it again") from error


@contextlib.contextmanager
def _configured(pipeline_root: Path) -> Iterator[None]:
    """Set kfp's global settings for this run, and restore the previous ones afterwards."""
    from kfp import local
    from kfp.local import config

    before = config.LocalExecutionConfig.instance
    # kfp deletes its workspace, so it gets a new folder.
    workspace = tempfile.mkdtemp(prefix="hydra-vertex-workspace-")
    runner = local.SubprocessRunner(use_venv=False)
    local.init(runner=runner, pipeline_root=str(pipeline_root.absolute()), workspace_root=workspace)
    try:
        yield
    finally:
        config.LocalExecutionConfig.instance = before
        shutil.rmtree(workspace, ignore_errors=True)


@contextlib.contextmanager
def _steps_run(outputs: dict[str, JsonObject], disks: Sequence[Path]) -> Iterator[None]:
    """Replace kfp's handler of subprocess tasks with one that runs container components."""
    from kfp.local import status, subprocess_task_handler

    original = subprocess_task_handler.SubprocessTaskHandler

    class ContainerCommandHandler(original):  # type: ignore[misc,valid-type] # kfp has no types
        """Runs the container's command with this environment's interpreter instead of the image's."""

        def validate_image(self, image: str) -> None:
            """Accept any image: no container is started."""

        def validate_not_container_component(self, full_command: list[str]) -> None:
            """Accept container components: this handler runs them."""

        def validate_not_containerized_python_component(self, full_command: list[str]) -> None:
            """Accept containerized Python components."""

        def run(self) -> Any:
            """Run the step and return SUCCESS. Raises StepFailed with the step's exit code."""
            outputs.update([_run_step(self.full_command, self.env_vars, disks)])
            return status.Status.SUCCESS

    subprocess_task_handler.SubprocessTaskHandler = ContainerCommandHandler
    try:
        yield
    finally:
        subprocess_task_handler.SubprocessTaskHandler = original


def _run_step(command: list[str], variables: Mapping[str, str], disks: Sequence[Path]) -> tuple[str, JsonObject]:
    """Run a step and return its name and outputs. The name is that of its folder, which kfp names after the task."""
    output_file = parse_executor_input(command[-1]).output_file
    output_file.parent.mkdir(parents=True, exist_ok=True)
    step = output_file.parent.name
    try:
        watched = {DISKS_VARIABLE: os.pathsep.join(map(str, disks))}
        # The tuning step draws a live table on the terminal and reports full disks itself.
        watch = (lambda: None) if _TUNE in command else DiskWatch(step, disks).look
        returncode = run_step_process([_program(command[0]), *command[1:]], {**variables, **watched}, watch)
    except OSError as error:
        raise CommandError(f"the step {step} cannot be started: {command[0]}: {error.strerror}") from error
    if returncode != 0:
        raise StepFailed(step, returncode)
    written = json.loads(output_file.read_bytes()) if output_file.exists() else {}
    return step, written if isinstance(written, Mapping) else {}


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


def _at(value: Json, *path: str) -> Json:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
