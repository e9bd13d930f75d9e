"""`hydra-vertex submit`: sends a compiled pipeline to Vertex Pipelines."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.option_types import file_path
from hydra_vertex.cli.output import say, show
from hydra_vertex.launcher.decisions import ATTACH, CANCEL, DETACH, NEW, REUSE
from hydra_vertex.protocol.errors import CommandError

from .app_check import file_content, require_checked_plan
from .capacity_options import add_location_option, with_ladder
from .cost_options import add_cost_options, estimate_of, with_limits
from .earlier_options import add_start_from_option
from .narrow_options import add_narrow_option, narrowed_plan, narrowing_studies, require_narrow, say_narrowed
from .pipeline_options import add_pipeline_options, add_target_options, pipeline_settings, schedule_of, target_of
from .study_options import (
    APP_USAGE,
    add_json_option,
    add_no_check_option,
    add_parser,
    add_retrain_option,
    add_tuning_options,
    plan_from,
)
from .trial_machine_options import add_machine_check_option, add_trial_job_options, trial_settings, with_own_folder
from .unchecked import say_unchecked

if TYPE_CHECKING:
    from hydra_vertex.pipelines.plan import TuningPlan
    from hydra_vertex.pipelines.submit import Submitted

    from .cost_options import CostEstimate


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "submit",
        "check, then send a compiled pipeline to Vertex Pipelines",
        "hydra-vertex submit pipeline.json --project p --location europe-west4 --root gs://b/runs \\\n"
        "    --search conf/hparams_search/docs.yaml --image europe-docker.pkg.dev/p/r/train:1 \\\n"
        "    --trial-machine-type g2-standard-8 --trial-accelerator NVIDIA_L4 -- python train.py experiment=docs",
        f"pipeline.json --project P --location L --root gs://… {APP_USAGE}",
    )
    parser.add_argument(
        "pipeline", type=file_path, metavar="pipeline.json", help="output file of `hydra-vertex compile`"
    )
    add_target_options(parser)
    add_pipeline_options(parser)
    add_trial_job_options(parser)
    add_location_option(parser)
    _add_job_options(parser)
    add_tuning_options(parser)
    add_start_from_option(parser)
    add_narrow_option(parser)
    add_retrain_option(parser)
    add_cost_options(parser)
    add_no_check_option(parser)
    add_machine_check_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def _add_job_options(parser: argparse.ArgumentParser) -> None:
    job = parser.add_argument_group("tuning job")
    equal = job.add_mutually_exclusive_group()
    equal.add_argument(
        "--attach",
        dest="attach",
        action="store_const",
        const=ATTACH,
        default=NEW,
        help="watch a job in progress with the same study key (space, metric, image, command) in place of a new one",
    )
    equal.add_argument(
        "--reuse",
        dest="attach",
        action="store_const",
        const=REUSE,
        help="as --attach, and take one that has succeeded, with as many trials or more",
    )
    job.add_argument(
        "--detach",
        action="store_true",
        help="a pipeline that is cancelled leaves its tuning job running (default: cancels it)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Check everything that can be checked without Vertex AI, then send the pipeline."""
    from hydra_vertex.pipelines.cluster import refuse_cluster_pipeline
    from hydra_vertex.pipelines.compiled_pipeline import read_pipeline
    from hydra_vertex.pipelines.effect import without_effect_on_vertex
    from hydra_vertex.pipelines.submit import submit

    require_narrow(arguments)
    plan = _plan(arguments)
    pipeline = read_pipeline(arguments.pipeline)
    refuse_cluster_pipeline(pipeline)
    if "study_root" not in pipeline.parameters:
        # An earlier version has compiled the pipeline, whose runs do not make a folder.
        _require_one_run(plan, arguments)
        plan = with_own_folder(plan)
    estimate = estimate_of(plan, arguments)
    asked = plan.pipeline_arguments(project=arguments.project, location=arguments.location)
    pipeline.check_arguments(asked)
    _require_options(plan, arguments)
    earlier = narrowing_studies(plan, arguments)
    _say_notices(plan, estimate)
    if arguments.no_check:
        say_unchecked(plan)
    else:
        plan = require_checked_plan(plan, arguments, on_vertex=not target_of(arguments).is_local)
    narrowed = narrowed_plan(plan, earlier, arguments)
    say_narrowed(earlier, narrowed)
    plan = narrowed.plan
    for line in () if target_of(arguments).is_local else without_effect_on_vertex(plan):
        say(line)
    sent = submit(
        arguments.pipeline,
        plan.pipeline_arguments(project=arguments.project, location=arguments.location),
        target_of(arguments),
        display_name=plan.display_name,
        settings=pipeline_settings(arguments),
        schedule=schedule_of(arguments),
    )
    _print_result(sent, estimate, as_json=arguments.json)
    return 0


def _plan(arguments: argparse.Namespace) -> TuningPlan:
    plan = plan_from(arguments, trials=trial_settings(arguments))
    on_stop = DETACH if arguments.detach else CANCEL
    plan = dataclasses.replace(plan, attach=arguments.attach, on_stop=on_stop)
    return with_limits(with_ladder(plan, arguments), arguments)


def _require_one_run(plan: TuningPlan, arguments: argparse.Namespace) -> None:
    if arguments.cron and plan.study_root:
        raise CommandError(
            f"{arguments.pipeline}: an earlier version has compiled it, so all runs of a schedule would write to one "
            "folder; compile it again with `hydra-vertex compile`"
        )


def _require_options(plan: TuningPlan, arguments: argparse.Namespace) -> None:
    from hydra_vertex.pipelines.pipeline_settings import require_settings
    from hydra_vertex.pipelines.submit import require_regions
    from hydra_vertex.pipelines.trial_regions import require_same_region

    endpoint = arguments.api_endpoint or ""
    require_settings(pipeline_settings(arguments), schedule_of(arguments), arguments.location, endpoint)
    require_regions("--trial-location", arguments.trial_location)
    require_same_region(plan, [rung.location for rung in plan.ladder] or [arguments.location])


def _say_notices(plan: TuningPlan, estimate: CostEstimate) -> None:
    for line in (*file_content(plan), *estimate.lines()):
        say(line)


def _print_result(sent: Submitted, estimate: CostEstimate, *, as_json: bool) -> None:
    for notice in sent.notices:
        say(notice)
    if as_json:
        document = {"name": sent.name, "console": sent.console_url, "estimate": estimate.document()}
        show_document("submit", document)
    else:
        show(sent.console_url or sent.name)
