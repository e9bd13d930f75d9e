"""`hydra-vertex run`: checks, tunes in parallel, selects, retrains and reports on this machine."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import re
import shlex
import tempfile
import uuid
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.cli.option_types import file_path
from hydra_vertex.cli.output import say, show, show_json
from hydra_vertex.protocol.command import SEPARATOR
from hydra_vertex.service.devices.resource_options import add_resource_options, resources_from

from .study_options import (
    APP_USAGE,
    add_json_option,
    add_parser,
    add_retrain_option,
    add_tuning_options,
    plan_from,
)

if TYPE_CHECKING:
    from hydra_vertex.pipelines.local.run import RunContext, RunResult
    from hydra_vertex.pipelines.local.run_folder import RunFolder
    from hydra_vertex.pipelines.plan import PipelineArguments, TuningPlan
    from hydra_vertex.protocol.json import Json
    from hydra_vertex.service.devices.resource_options import ResourceOptions


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "run",
        "run the compiled pipeline on this machine: tune, select the best trial, retrain, report",
        "hydra-vertex run --search conf/hparams_search/docs.yaml --trials 12 --parallel 2 "
        "-- python train.py experiment=docs",
        APP_USAGE,
    )
    add_tuning_options(parser)
    add_retrain_option(parser)
    add_resource_options(parser, shared=False)
    parser.add_argument(
        "--out",
        type=file_path,
        metavar="DIR",
        help="output folder (default: runs/NAME-TIME); an unfinished run in it is continued",
    )
    parser.add_argument("--pipeline", type=file_path, metavar="FILE", help="a compiled pipeline (default: compile one)")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check all input, then claim the output folder, start the service and run the pipeline."""
    from hydra_vertex.launcher.files.output_file import private_files
    from hydra_vertex.pipelines.compiled_pipeline import read_pipeline
    from hydra_vertex.pipelines.local.failures import require_space
    from hydra_vertex.pipelines.local.guard import guarded, marker
    from hydra_vertex.pipelines.local.kfp_local import load
    from hydra_vertex.pipelines.local.run import LOCATION, PROJECT, RunContext
    from hydra_vertex.pipelines.local.run_folder import RunFolder, goes_on

    plan = plan_from(arguments, here=True)
    asked = plan.pipeline_arguments(project=PROJECT, location=LOCATION)
    if arguments.pipeline:
        read_pipeline(arguments.pipeline).check_arguments(asked)
        load(arguments.pipeline)
    resources = resources_from(arguments)
    at_once = _trials_at_once(resources, plan.parallel_trial_count)
    folder = RunFolder(_output_path(arguments.out, plan))
    goes_on(folder, asked)
    mark = marker(uuid.uuid4().hex, folder.path)
    context = RunContext(False, _again(arguments.typed, folder), mark, resources, _disks(folder, plan))
    require_space(context.disks, context.again)
    with guarded(mark), private_files() if plan.has_secrets() else contextlib.nullcontext():
        _check(plan, arguments.search, mark)
        if plan.has_secrets():
            say("the command line has a secret, which the run stores: only you can read its files (mode 0600)")
        say(f"{plan.max_trial_count} trials, {at_once} at once, in {folder.path}")
        result = _run_in(folder, asked, arguments.pipeline, context)
    _print_result(result, plan, as_json=arguments.json)
    return 0


def _check(plan: TuningPlan, search: Path, mark: str) -> None:
    from hydra_vertex.launcher.preflight.check import check_space
    from hydra_vertex.launcher.preflight.interpreter import other_interpreter
    from hydra_vertex.pipelines.local.guard import children_marked

    say(f"checking {plan.display_name} against the config of {shlex.join(plan.app)}")
    for notice in plan.notices:
        say(f"{search}: {notice}")
    with children_marked(mark):
        explanation = check_space(plan.app, plan.study_spec, plan.monitor, plan.retrain_overrides, plan.sweeps)
    interpreter = other_interpreter(explanation)
    if interpreter is not None:
        say(interpreter)


def _run_in(folder: RunFolder, asked: PipelineArguments, pipeline: Path | None, context: RunContext) -> RunResult:
    """Lock the folder and run the pipeline in it."""
    from hydra_vertex.pipelines.local.failures import full_disk_named
    from hydra_vertex.pipelines.local.leftovers import end_leftovers
    from hydra_vertex.pipelines.local.run import run_locally
    from hydra_vertex.pipelines.local.run_folder import claim
    from hydra_vertex.pipelines.local.run_lock import locked

    with locked(folder.path):
        with full_disk_named(context.disks, context.again):
            is_continued = claim(folder, asked)
            if is_continued:
                end_leftovers(folder, say)
            _provide_pipeline(pipeline, folder)
        return run_locally(folder, asked, dataclasses.replace(context, goes_on=is_continued))


def _disks(folder: RunFolder, plan: TuningPlan) -> tuple[Path, ...]:
    """Return the folders that the run writes to, which may be on different disks."""
    base = plan.trial_job_spec.base_output_uri
    outputs = (Path(base),) if base.startswith("/") else ()
    return (folder.path, folder.studies, folder.pipeline_root, *outputs, Path(tempfile.gettempdir()))


def _trials_at_once(resources: ResourceOptions, wanted: int) -> int:
    """Return how many of the wanted trials can run at once. Prints the GPUs, if any. Raises UserError."""
    from hydra_vertex.service.devices.capacity import capacity_of, describe
    from hydra_vertex.service.devices.gpus import find_gpus

    gpus = find_gpus(os.environ)
    capacity = capacity_of(resources, gpus)
    if gpus:
        say(describe(capacity, gpus))
    return min(wanted, capacity.at_once or wanted)


def _output_path(out: Path | None, plan: TuningPlan) -> Path:
    # A display name may have 128 characters of any kind, each of up to 4 bytes.
    name = re.sub(r"[^\w.-]+", "-", plan.display_name)[:48]
    default = Path("runs", f"{name}-{datetime.now():%Y%m%d-%H%M%S}")
    return (out or default).absolute()


def _provide_pipeline(given: Path | None, folder: RunFolder) -> None:
    from hydra_vertex.pipelines.compiler import compile_pipeline
    from hydra_vertex.pipelines.local.run_folder import keep_file

    from .compile import DEFAULT_IMAGE

    if given is None:
        compile_pipeline(folder.pipeline, image=DEFAULT_IMAGE, machine=None)
    else:
        keep_file(given, folder.pipeline)


def _again(typed: Sequence[str], folder: RunFolder) -> str:
    """Return the typed command, with `--out` and the folder added when it has no `--out`."""
    from hydra_vertex.launcher.secrets.masker import NO_SECRETS
    from hydra_vertex.launcher.secrets.shell import shell_command

    own, app = list(typed[: typed.index(SEPARATOR)]), typed[typed.index(SEPARATOR) :]
    if not any(part == "--out" or part.startswith("--out=") for part in own):
        own += ["--out", str(folder.path)]
    return str(shell_command(["hydra-vertex", *own, *app], NO_SECRETS))


def _print_result(result: RunResult, plan: TuningPlan, *, as_json: bool) -> None:
    from hydra_vertex.launcher.secrets.masker import NO_SECRETS

    folder, metric = result.folder, plan.study_spec.objective.id
    files = {name: str(getattr(folder, name)) for name in ("job", "best", "overrides", "report", "model")}
    if as_json:
        document: dict[str, Json] = {
            "metric": metric,
            "bestTrial": result.best_trial,
            "value": result.best_value,
            "retrainedValue": result.retrained_value,
            "overrides": NO_SECRETS.arguments(result.overrides),
            "reproduce": result.reproduce,
            "files": dict(files),
        }
        show_json(document, indent=2)
        return
    retrained = "no metric" if result.retrained_value is None else f"{result.retrained_value:.6g}"
    show(f"trial {result.best_trial} is the best: {metric} {result.best_value:.6g}, retrained {retrained}")
    for name, path in files.items():
        show(f"  {name:<10} {path}")
    show(f"To run the best config again:\n  {result.reproduce}")
