"""`hydra-vertex tune`: sends a study to Vertex AI as one tuning job, without a pipeline, and waits for its result."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.option_types import file_path, word
from hydra_vertex.cli.output import say
from hydra_vertex.launcher.decisions import CANCEL, DETACH, FAIL
from hydra_vertex.protocol.errors import CommandError

from .app_check import file_content, require_checked_plan
from .capacity_options import tries_several
from .cost_options import add_cost_options, estimate_of, with_limits
from .earlier_options import add_start_from_option
from .endpoint_url import require_url
from .narrow_options import add_narrow_option, narrowed_plan, narrowing_studies, require_narrow, say_narrowed
from .output_folder import output_path, typed_again
from .pipeline_options import add_target_options
from .run_result import result_document, show_result
from .study_options import APP_USAGE, add_json_option, add_no_check_option, add_parser, add_tuning_options, plan_from
from .sweep_options import add_again_option
from .trial_machine_options import add_machine_check_option, add_trial_job_options, trial_settings
from .unchecked import say_unchecked

if TYPE_CHECKING:
    from hydra_vertex.pipelines.local.run import RunResult
    from hydra_vertex.pipelines.local.run_folder import RunFolder
    from hydra_vertex.pipelines.plan import TuningPlan

    from .cost_options import CostEstimate


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "tune",
        "check, run a study on Vertex AI as one tuning job without a pipeline, select the best trial, report. The same "
        "command with the same --out goes on with its job; Ctrl-C cancels the job",
        "hydra-vertex tune --project p --location europe-west4 --root gs://b/runs --out runs/docs \\\n"
        "    --search conf/hparams_search/docs.yaml --image europe-docker.pkg.dev/p/r/train:1 \\\n"
        "    --trial-machine-type g2-standard-8 --trial-accelerator NVIDIA_L4 -- python train.py experiment=docs",
        f"--project P --location L --root gs://… --image URI {APP_USAGE}",
    )
    add_target_options(parser, root_has="the output of the trials", sent="job")
    add_trial_job_options(parser)
    add_tuning_options(parser)
    add_start_from_option(parser)
    add_narrow_option(parser)
    add_cost_options(parser)
    parser.add_argument(
        "--log-experiment", type=word, metavar="NAME", help="log the trials as runs of this Vertex Experiment"
    )
    parser.add_argument(
        "--out",
        type=file_path,
        metavar="DIR",
        help="output folder on this machine (default: runs/NAME-TIME); the job of an earlier start in it is watched on",
    )
    parser.add_argument(
        "--detach", action="store_true", help="Ctrl-C ends only the watching, and the job goes on (default: cancels it)"
    )
    add_no_check_option(parser)
    add_machine_check_option(parser)
    add_json_option(parser)
    add_again_option(parser)
    parser.set_defaults(run=run, no_retrain=True)


def run(arguments: argparse.Namespace) -> int:
    """Check everything that can be checked without Vertex AI, then run the job in its folder."""
    from hydra_vertex.pipelines.local.run_folder import RunFolder
    from hydra_vertex.protocol.private_files import private_files

    plan = _plan(arguments)
    estimate = estimate_of(plan, arguments)
    for line in (*file_content(plan), *estimate.lines()):
        say(line)
    plan = _checked(plan, arguments)
    folder = RunFolder(output_path(arguments.out, plan))
    _say_start(plan, arguments, folder)
    with private_files(of_apps=plan.has_secrets()):
        result = _run_in(folder, plan, arguments)
    _show(result, plan, estimate, as_json=arguments.json)
    return 0


def _plan(arguments: argparse.Namespace) -> TuningPlan:
    from hydra_vertex.pipelines.submit import require_regions
    from hydra_vertex.pipelines.trial_regions import require_same_region

    require_narrow(arguments)
    if tries_several(arguments):
        raise CommandError("--strategy: a job has one strategy; give one, or send a list with `hydra-vertex submit`")
    if arguments.on_missed_threshold != FAIL:
        raise CommandError("--on-missed-threshold decides about a retraining, and tune has none; leave it out")
    require_url(arguments.api_endpoint, "http://127.0.0.1:8080")
    plan = plan_from(arguments, trials=trial_settings(arguments))
    plan = dataclasses.replace(plan, on_stop=DETACH if arguments.detach else CANCEL)
    require_regions("--location", [arguments.location])
    require_same_region(plan, [arguments.location])
    return with_limits(plan, arguments)


def _checked(plan: TuningPlan, arguments: argparse.Namespace) -> TuningPlan:
    from hydra_vertex.pipelines.effect import without_effect_on_vertex

    is_local = _is_local(arguments)
    earlier = narrowing_studies(plan, arguments)
    if arguments.no_check:
        say_unchecked(plan)
    else:
        plan = require_checked_plan(plan, arguments, on_vertex=not is_local)
    narrowed = narrowed_plan(plan, earlier, arguments)
    say_narrowed(earlier, narrowed)
    plan = narrowed.plan
    for line in () if is_local else without_effect_on_vertex(plan):
        say(line)
    return plan


def _is_local(arguments: argparse.Namespace) -> bool:
    """Whether the service is on this machine, where the job is rehearsed."""
    return (arguments.api_endpoint or "").startswith("http://")


def _say_start(plan: TuningPlan, arguments: argparse.Namespace, folder: RunFolder) -> None:
    if plan.has_secrets():
        say("the command line has a secret, which the job stores: who may read the job can read it")
    where = arguments.api_endpoint or f"Vertex AI, {arguments.project} in {arguments.location}"
    say(f"{plan.max_trial_count} trials, {plan.parallel_trial_count} at once, on {where}; the result: {folder.path}")


def _run_in(folder: RunFolder, plan: TuningPlan, arguments: argparse.Namespace) -> RunResult:
    """Lock the folder, and run the steps in it. Raises UserError, OutputError, and what the steps raise."""
    from hydra_vertex.pipelines.local.own_steps import claim_for_one_job, run_steps
    from hydra_vertex.pipelines.local.run_folder import make_private
    from hydra_vertex.pipelines.local.run_lock import locked

    asked = plan.pipeline_arguments(
        project=arguments.project, location=arguments.location, api_endpoint=arguments.api_endpoint or ""
    )
    with locked(folder.path):
        make_private(folder)
        claim_for_one_job(folder, asked)
        return run_steps(folder, asked, arguments.again or typed_again(arguments.typed, folder.path))


def _show(result: RunResult, plan: TuningPlan, estimate: CostEstimate, *, as_json: bool) -> None:
    if as_json:
        show_document("run", result_document(result, plan, estimate.document()))
    else:
        show_result(result, plan)
