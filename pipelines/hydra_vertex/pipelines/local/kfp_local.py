"""Runs a compiled pipeline on this machine with `kfp.local`: each step's command is run as a child process."""

from __future__ import annotations

import builtins
import contextlib
import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.pipelines.compiled_pipeline import read_pipeline
from hydra_vertex.protocol.errors import HydraVertexError, OutputError
from hydra_vertex.protocol.files import local_path
from hydra_vertex.protocol.json import Json, JsonObject

from .child import sigterm_raises
from .failures import StepFailed
from .kfp_patches import PipelineIdentity, TuningPlace, kfp_patched
from .python_steps import python_environments
from .runnable import python_steps, require_runnable
from .steps import Step, StepSettings, run_step

LOCAL = PipelineIdentity(project="local", location="local")
"""The identity of a pipeline that no service has accepted."""


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

    def metadata(self, step: str, name: str) -> JsonObject:
        """Return the metadata of an output artifact; empty when the step did not write it."""
        found = _at(self.outputs.get(step), "artifacts", name, "artifacts")
        metadata = _at(found[0], "metadata") if isinstance(found, list) and found else None
        return metadata if isinstance(metadata, Mapping) else {}

    def artifacts(self, step: str) -> dict[str, str]:
        """Return the addresses of a step's output artifacts by their names."""
        found = _at(self.outputs.get(step), "artifacts")
        names = found if isinstance(found, Mapping) else {}
        lists = {name: _at(names, name, "artifacts") for name in names}
        return {name: str(_at(items[0], "uri")) for name, items in lists.items() if isinstance(items, list) and items}

    def parameters(self, step: str) -> JsonObject:
        """Return the output parameters of a step."""
        found = _at(self.outputs.get(step), "parameterValues")
        return found if isinstance(found, Mapping) else {}

    def parameter(self, step: str, name: str) -> Json:
        """Return an output parameter; None when the step did not set it."""
        return _at(self.outputs.get(step), "parameterValues", name)


def run_pipeline(
    file: Path,
    arguments: Mapping[str, Json],
    *,
    pipeline_root: Path,
    log: Path,
    disks: Sequence[Path] = (),
    identity: PipelineIdentity = LOCAL,
    endpoint: str = "",
    study_root: str = "",
    settings: StepSettings | None = None,
) -> LocalRun:
    """Run a compiled pipeline (.json or .yaml). The messages of kfp go to `log`, those of the steps to stderr.

    A line on stderr reports when one of the `disks` becomes full while a step runs, and when it has space again.
    `endpoint` is the tuning service of steps that name none, and `study_root` the folder for the outputs of studies
    without one; empty changes nothing. `settings` None: those of a run in a terminal.
    Raises OutputError when the file is not a compiled pipeline, UserError when the arguments do not fit it or a part of
    it cannot run here (before the first step), StepFailed
    for the first step that fails. On Ctrl-C and SIGTERM, ends the running step and then raises KeyboardInterrupt.
    """
    pipeline = read_pipeline(file)
    pipeline.check_arguments(arguments)
    chosen = settings or StepSettings(disks=tuple(disks))
    require_runnable(pipeline, in_containers=chosen.containers is not None)
    log.parent.mkdir(parents=True, exist_ok=True)
    outputs: dict[str, JsonObject] = {}

    failures: list[StepFailed] = []

    def run(step: Step) -> bool:
        try:
            outputs[step.name] = run_step(step, replace(chosen, environment=made.variables))
        except StepFailed as failure:
            failures.append(failure)
            if not chosen.goes_on:
                raise
            return False
        # A later attempt has succeeded.
        failures[:] = [failure for failure in failures if failure.step != step.name]
        return True

    with (
        sigterm_raises(),
        python_environments() as made,
        log.open("a", encoding="utf-8") as stream,
        contextlib.redirect_stdout(stream),
        _configured(pipeline_root),
        _printing_restored(),
        _warnings_logged(),
        kfp_patched(identity, TuningPlace(endpoint, study_root), run),
    ):
        for name, command in python_steps(pipeline) if chosen.containers is None else ():
            made.prepare(name, command)
        try:
            load(file)(**arguments)
        except Exception as error:
            # kfp says that the pipeline has failed, and not which exit code a step had. For a task that runs after a
            # failed one and takes an output of it, kfp says that there is no such output.
            if failures and not isinstance(error, HydraVertexError):
                raise failures[0] from error
            raise
    return LocalRun(outputs)


@contextlib.contextmanager
def _printing_restored() -> Iterator[None]:
    """Restore `print` and the root logger, which kfp replaces while a task runs.

    The tasks of a loop run in threads of this process: the last one to end may put back the replacement of another.
    """
    root = logging.getLogger()
    before, handlers, level = builtins.print, root.handlers[:], root.level
    try:
        yield
    finally:
        builtins.print = before
        root.handlers[:] = handlers
        root.setLevel(level)


@contextlib.contextmanager
def _warnings_logged() -> Iterator[None]:
    """Print warnings, such as that a step's CPUs have no effect on this machine, where kfp prints its messages."""
    with warnings.catch_warnings():
        # With the user's `-W error`, a warning of kfp would end the run.
        warnings.simplefilter("default")
        warnings.showwarning = lambda message, *_args, **_options: print(f"warning: {message}")
        yield


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
    root = pipeline_root.absolute()
    root.mkdir(parents=True, exist_ok=True)
    # kfp deletes its workspace, so it gets a new folder. A run that is killed leaves it in its own folder.
    workspace = tempfile.mkdtemp(prefix=".workspace-", dir=root)
    runner = local.SubprocessRunner(use_venv=False)
    local.init(runner=runner, pipeline_root=str(root), workspace_root=workspace)
    try:
        yield
    finally:
        config.LocalExecutionConfig.instance = before
        shutil.rmtree(workspace, ignore_errors=True)


def _at(value: Json, *path: str) -> Json:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
