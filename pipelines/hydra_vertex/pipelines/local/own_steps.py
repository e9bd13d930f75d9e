"""Runs the steps `tune` and `select_best` in this process: one tuning job of a service elsewhere, and its result.

The steps' files are in one folder below `RunFolder.pipeline_root`, whose random name is the id of the run: a job has it
in a label, so that a later start in the same folder finds the job, also after a request without an answer.
"""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.job import save_job
from hydra_vertex.launcher.best.outputs import trial_outputs
from hydra_vertex.launcher.files.job_file import read_job
from hydra_vertex.launcher.steps.select_best import select_best
from hydra_vertex.launcher.steps.tune import tune
from hydra_vertex.launcher.steps.tune_input import recorded_job
from hydra_vertex.launcher.study.client import connect
from hydra_vertex.launcher.study.retry import RetryLimits
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import HydraVertexError, Interrupted, OutputError, StudyError
from hydra_vertex.protocol.executor import Artifact, ExecutorInput
from hydra_vertex.protocol.json import object_of

from .kfp_local import LocalRun
from .run import RunResult, collect, measurements_kept
from .run_folder import COUNTS, RunFolder, claim, recorded_arguments

if TYPE_CHECKING:
    from hydra_vertex.protocol.json import JsonObject

_TUNE = "tune"
_SELECT = "select-best"
_TUNE_OUTPUTS = ("job", "confirmation")
_SELECT_OUTPUTS = ("best_config", "report", "metrics", "pareto", "summary")
"""Those of the component but the model and the checkpoint, which stay in the bucket of the trials."""
_LAST_STATE = RetryLimits(total_s=10.0, request_s=5.0)
"""Nobody waits long for the last state of a job after Ctrl-C."""


def claim_for_one_job(folder: RunFolder, arguments: Mapping[str, str | int]) -> None:
    """Write the plan into the folder, which then belongs to one tuning job. The caller holds the folder's lock.

    Raises OutputError when the folder has another study or other files, or its job other numbers of trials: a job in a
    service elsewhere cannot be given more.
    """
    known = recorded_arguments(folder)
    changed = [name for name in COUNTS if known and known.get(name) != arguments.get(name)]
    if changed:
        texts = ", ".join(f"{name} {known.get(name)}, now {arguments.get(name)}" for name in changed)
        raise OutputError(
            f"{folder.path}: its tuning job has other numbers ({texts}), and a job keeps those that it was created "
            "with; repeat the command with them, or give another folder for another job"
        )
    claim(folder, arguments)


def run_steps(folder: RunFolder, arguments: Mapping[str, str | int], again: str) -> RunResult:
    """Create the folder's job, or go on with the one that it has, wait for its end, and collect the result.

    `again` is the command that does this again, for messages. Raises Interrupted after a signal, and otherwise as the
    two steps do: StudyError when the job did not succeed, or has no trial to select, ServiceError when the service
    refuses the job.
    """
    files = _files_of_run(folder)
    with measurements_kept(folder):
        _tune(folder, files / _TUNE, arguments, again)
    select_best(_input(files / _SELECT, arguments, _SELECT_OUTPUTS, inputs=_artifacts(files / _TUNE, _TUNE_OUTPUTS)))
    run = LocalRun({step: _output(files / step) for step in (_TUNE, _SELECT)})
    result = collect(folder, run)
    return dataclasses.replace(result, best_model=_model_of(folder, result.best_trial))


def _model_of(folder: RunFolder, trial_id: str) -> str:
    """Return the address of the best trial's model in the bucket, which may not be readable here; empty for none."""
    job = read_job(folder.job)
    return next((trial_outputs(job, trial).model for trial in job.trials if trial.id == trial_id), "")


def _tune(folder: RunFolder, files: Path, arguments: Mapping[str, str | int], again: str) -> None:
    given = _input(files, arguments, _TUNE_OUTPUTS, parameters=("gcp_resources",))
    try:
        tune(given)
    except Interrupted as error:
        _save_last_state(given)
        raise Interrupted(
            f"{error}\nA job that goes on is watched again by the same command:\n  {again}\n"
            f"For what there is: hydra-vertex report {shlex.quote(str(folder.path))}, and `best` in place of `report`"
        ) from error
    except StudyError as error:
        raise StudyError(f"{error}\n{folder.path} belongs to this job; give another folder for another job") from error


def _save_last_state(given: ExecutorInput) -> None:
    """Write the state that the job has after a signal, such as CANCELLING; a failure leaves the one that is known."""
    with contextlib.suppress(HydraVertexError, OSError):
        if name := recorded_job(given):
            service = connect(given.text("location"), given.text("api_endpoint"), limits=_LAST_STATE)
            save_job(service.get(name), given.outputs["job"].path)


def _files_of_run(folder: RunFolder) -> Path:
    """Return the folder of the steps' files; a new one has a random name."""
    known = sorted(folder.pipeline_root.glob("*/tune"))
    found = known[0] if known else folder.pipeline_root / secrets.token_hex(8) / _TUNE
    found.mkdir(parents=True, exist_ok=True)
    return found.parent


def _input(
    files: Path,
    arguments: Mapping[str, str | int],
    outputs: Sequence[str],
    *,
    inputs: Mapping[str, Artifact] | None = None,
    parameters: Sequence[str] = (),
) -> ExecutorInput:
    return ExecutorInput(
        parameters=dict(arguments),
        inputs=inputs or {},
        outputs=_artifacts(files, outputs),
        output_file=files / "executor_output.json",
        output_parameters={name: files / name for name in parameters},
    )


def _artifacts(files: Path, names: Sequence[str]) -> dict[str, Artifact]:
    return {name: Artifact(name, str(files / name), {}) for name in names}


def _output(files: Path) -> JsonObject:
    return object_of(json.loads((files / "executor_output.json").read_bytes()))
