"""`hydra-vertex run`: checks, tunes in parallel, selects, retrains and reports on this machine."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import shlex
import tempfile
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.option_types import file_path
from hydra_vertex.cli.output import say
from hydra_vertex.protocol.errors import CommandError, UserError
from hydra_vertex.service.devices.resource_options import add_resource_options, resources_from

from .app_check import require_checked_plan
from .confirm_options import confirmation_lines
from .cost_options import add_cost_options, estimate_of, prices_of, with_limits
from .earlier_options import EarlierStudies, add_start_from_option, earlier_studies_from, labelled
from .engine_options import add_engine_options, add_engine_pool_options, engine_options_from
from .output_folder import output_path, typed_again
from .page_options import add_page_options, page_beside, wants_page
from .run_result import result_document, show_result
from .runner_options import PROCESS, add_runner_options, check_context, containers_from, require_runner_options
from .study_options import (
    APP_USAGE,
    add_json_option,
    add_no_check_option,
    add_parser,
    add_retrain_option,
    add_tuning_options,
    plan_from,
)
from .sweep_options import add_sweep_options, with_sweep_dir
from .unchecked import say_unchecked

if TYPE_CHECKING:
    from hydra_vertex.pipelines.local.run import RunContext, RunResult
    from hydra_vertex.pipelines.local.run_folder import RunFolder
    from hydra_vertex.pipelines.plan import PipelineArguments, TuningPlan
    from hydra_vertex.service.devices.resource_options import ResourceOptions
    from hydra_vertex.service.trials.engines.options import EngineOptions

    from .cost_options import CostEstimate


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
    add_start_from_option(parser)
    add_retrain_option(parser)
    add_resource_options(parser, shared=False)
    add_engine_options(parser)
    add_engine_pool_options(parser)
    add_runner_options(parser)
    add_cost_options(parser)
    parser.add_argument(
        "--out",
        type=file_path,
        metavar="DIR",
        help="output folder (default: runs/NAME-TIME); an unfinished run in it is continued",
    )
    parser.add_argument("--pipeline", type=file_path, metavar="FILE", help="a compiled pipeline (default: compile one)")
    add_no_check_option(parser)
    add_json_option(parser)
    add_page_options(parser)
    add_sweep_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check all input, then claim the output folder, start the service and run the pipeline."""
    from hydra_vertex.pipelines.local.failures import require_space
    from hydra_vertex.pipelines.local.guard import guarded, marker
    from hydra_vertex.pipelines.local.run import LOCATION, PROJECT, RunContext
    from hydra_vertex.pipelines.local.run_folder import RunFolder
    from hydra_vertex.pipelines.local.same_study import seed_of
    from hydra_vertex.protocol.private_files import private_files

    require_runner_options(arguments)
    page = _page_of(arguments)
    engine = engine_options_from(arguments)
    plan = plan_from(arguments, here=True, engine=engine)
    plan = with_sweep_dir(with_limits(plan, arguments), arguments.sweep_dir)
    earlier = earlier_studies_from(plan, arguments, _studies(arguments.out))
    plan = labelled(plan, earlier)
    asked = plan.pipeline_arguments(project=PROJECT, location=LOCATION)
    if arguments.pipeline:
        in_containers = arguments.runner != PROCESS
        image = arguments.image if in_containers else None
        _require_pipeline(arguments.pipeline, asked, image, in_containers=in_containers)
    resources = resources_from(arguments)
    at_once = _trials_at_once(resources, plan, engine)
    estimate = estimate_of(plan, arguments, slots=at_once, is_local=True)
    path = output_path(arguments.out, plan)
    # A container has the folder under this path, where no symbolic link above it exists.
    folder = RunFolder(path if arguments.runner == PROCESS else path.resolve())
    _arguments_for(folder, asked)
    mark = marker(uuid.uuid4().hex, folder.path)
    again = arguments.again or typed_again(arguments.typed, folder.path)
    containers = containers_from(arguments, plan, folder.path)
    context = RunContext(False, again, mark, resources, engine, _disks(folder, plan), containers, page)
    require_space(context.disks, context.again)
    with guarded(mark):
        _say_notices(plan, engine)
        for notice in earlier.notices:
            say(notice)
        if arguments.no_check:
            say_unchecked(plan)
        else:
            with check_context(containers, plan):
                plan = _checked(plan, arguments, mark)
        checked = plan.pipeline_arguments(project=PROJECT, location=LOCATION)
        whole = _arguments_for(folder, checked, written=None if arguments.no_check else asked)
        if whole["study_spec"] != checked["study_spec"]:
            say("the study goes on with the conditions and default values with which it began")
        _say_start(plan, at_once, folder, estimate, seed_of(whole))
        if not (engine.is_this_machine or arguments.no_retrain):
            say(f"the engine {engine.name} runs the trials; the retraining is on this machine (--no-retrain: none)")
        with private_files(of_apps=plan.has_secrets()):
            result = _run_in(folder, whole, arguments, context, earlier)
    if arguments.json:
        show_document("run", result_document(result, plan, estimate.document()))
    else:
        show_result(result, plan)
    return 0


def _page_of(arguments: argparse.Namespace) -> Callable[[str], AbstractContextManager[object]]:
    """Return how the run's live page is served beside its service. Raises CommandError."""
    if arguments.runner != PROCESS:
        for option, is_given in (("--open", arguments.open), ("--page", arguments.page)):
            if is_given:
                raise CommandError(
                    f"{option}: with --runner {arguments.runner} the tuning service is in a container, where no page "
                    f"reaches it; leave {option} out"
                )
        return contextlib.nullcontext
    if not wants_page(arguments):
        return contextlib.nullcontext
    prices = prices_of(arguments.hourly_price)

    def page(url: str) -> AbstractContextManager[object]:
        from hydra_vertex.launcher.live_page.open_pages import run_page
        from hydra_vertex.pipelines.local.run import PARENT

        return page_beside(lambda: run_page(url, PARENT, prices), "hydra-vertex run", opens=arguments.open)

    return page


def _require_pipeline(file: Path, asked: PipelineArguments, image: str | None, *, in_containers: bool) -> None:
    """Check that a compiled pipeline can run here with these arguments. Raises UserError, OutputError.

    `image` is that of a run in containers.
    """
    from hydra_vertex.pipelines.compiled_pipeline import read_pipeline
    from hydra_vertex.pipelines.image.for_steps import require_same_image
    from hydra_vertex.pipelines.local.kfp_local import load
    from hydra_vertex.pipelines.local.runnable import require_runnable

    pipeline = read_pipeline(file)
    pipeline.check_arguments(asked)
    require_runnable(pipeline, in_containers=in_containers)
    if image is not None:
        require_same_image(pipeline, image)
    load(file)


def _say_start(plan: TuningPlan, at_once: int, folder: RunFolder, estimate: CostEstimate, seed: str) -> None:
    if plan.has_secrets():
        say("the command line has a secret, which the run stores: only you can read its files, also the app's")
    _say_earlier(folder, plan.max_trial_count)
    drawn = f", with the seed {seed}" if seed else ""
    say(f"{plan.max_trial_count} trials, {at_once} at once{drawn}, in {folder.path}")
    for line in confirmation_lines(plan):
        say(line)
    for line in estimate.lines():
        say(line)


def _say_earlier(folder: RunFolder, max_trials: int) -> None:
    """Say what becomes of a study with trials from an earlier start of the run."""
    from hydra_vertex.launcher.files.job_file import read_job

    # A file that cannot be read is no reason to stop: the service has the study.
    with contextlib.suppress(UserError):
        if folder.job.exists() and (known := len(read_job(folder.job).trials)):
            more = f"goes on to {max_trials}" if max_trials > known else f"starts no more with --trials {max_trials}"
            say(f"the study in {folder.path} has {known} trials, and {more}")


def _say_notices(plan: TuningPlan, engine: EngineOptions) -> None:
    from hydra_vertex.pipelines.effect import without_effect_here

    for notice in (*plan.notices, *without_effect_here(plan, engine)):
        say(f"{plan.source}: {notice}")


def _arguments_for(
    folder: RunFolder, asked: PipelineArguments, written: PipelineArguments | None = None
) -> PipelineArguments:
    """Return the arguments with the seed and the study of the folder, or else with a new seed.

    `written` are those before the check of the app, if there was one. Raises OutputError.
    """
    from hydra_vertex.pipelines.local.run_folder import goes_on, recorded_arguments
    from hydra_vertex.pipelines.local.same_study import taken_over, with_new_seed

    known = recorded_arguments(folder)
    whole = taken_over(known, asked, written=written) if known else with_new_seed(asked)
    goes_on(folder, whole)
    return whole


def _checked(plan: TuningPlan, arguments: argparse.Namespace, mark: str) -> TuningPlan:
    from hydra_vertex.pipelines.local.guard import children_marked

    say(f"checking {plan.display_name} against the config of {shlex.join(plan.app)}")
    with children_marked(mark):
        return require_checked_plan(plan, arguments, here=True)


def _run_in(
    folder: RunFolder,
    asked: PipelineArguments,
    arguments: argparse.Namespace,
    context: RunContext,
    earlier: EarlierStudies,
) -> RunResult:
    """Lock the folder and run the pipeline in it."""
    from hydra_vertex.pipelines.local.failures import full_disk_named
    from hydra_vertex.pipelines.local.leftovers import end_leftovers
    from hydra_vertex.pipelines.local.run import run_locally
    from hydra_vertex.pipelines.local.run_folder import claim, make_private
    from hydra_vertex.pipelines.local.run_lock import locked

    with locked(folder.path, context.again):
        make_private(folder)
        with full_disk_named(context.disks, context.again):
            is_continued = claim(folder, asked)
            if is_continued:
                end_leftovers(folder, say)
            _provide_pipeline(arguments.pipeline, folder, arguments.image)
            earlier.write(folder.studies)
        return run_locally(folder, asked, dataclasses.replace(context, goes_on=is_continued))


def _disks(folder: RunFolder, plan: TuningPlan) -> tuple[Path, ...]:
    """Return the folders that the run writes to, which may be on different disks."""
    base = plan.trial_job_spec.base_output_uri
    outputs = (Path(base),) if base.startswith("/") else ()
    return (folder.path, folder.studies, folder.pipeline_root, *outputs, Path(tempfile.gettempdir()))


def _trials_at_once(resources: ResourceOptions, plan: TuningPlan, engine: EngineOptions) -> int:
    """Return how many of the plan's trials can run at once. Prints the GPUs, if any. Raises UserError."""
    from hydra_vertex.service.devices.capacity import capacity_of, describe
    from hydra_vertex.service.devices.gpus import find_gpus
    from hydra_vertex.service.trials.engines.options import require_resources_apply

    require_resources_apply(engine, resources)
    gpus = find_gpus(os.environ) if engine.is_this_machine else ()
    capacity = capacity_of(resources, gpus)
    if gpus:
        workers = sum(pool.replica_count for pool in plan.trial_job_spec.worker_pools)
        say(describe(capacity, gpus, max(1, workers)))
    return min(plan.parallel_trial_count, capacity.at_once or plan.parallel_trial_count)


def _studies(out: Path | None) -> Path | None:
    """Return the service's folder of the given output folder, which may have an earlier start of the run."""
    from hydra_vertex.pipelines.local.run_folder import RunFolder

    return None if out is None else RunFolder(out.absolute()).studies


def _provide_pipeline(given: Path | None, folder: RunFolder, image: str | None) -> None:
    from hydra_vertex.pipelines.compiler import compile_pipeline
    from hydra_vertex.pipelines.local.run_folder import keep_file

    from .compile import DEFAULT_IMAGE

    if given is None:
        compile_pipeline(folder.pipeline, image=image or DEFAULT_IMAGE, machine=None)
    else:
        keep_file(given, folder.pipeline)
