"""`hydra-vertex arguments`: writes the arguments of a compiled pipeline for Kubeflow Pipelines without Vertex AI."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.option_types import file_path, word
from hydra_vertex.cli.output import say, show, show_json
from hydra_vertex.protocol.errors import CommandError, OutputError

from .app_check import file_content, require_checked_plan
from .cost_options import add_cost_options, with_limits
from .earlier_options import add_start_from_option
from .endpoint_url import require_url
from .engine_options import add_engine_pool_options
from .narrow_options import add_narrow_option, narrowed_plan, narrowing_studies, require_narrow, say_narrowed
from .study_options import (
    APP_USAGE,
    add_json_option,
    add_no_check_option,
    add_parser,
    add_retrain_option,
    add_tuning_options,
    plan_from,
)
from .unchecked import say_unchecked

if TYPE_CHECKING:
    from hydra_vertex.pipelines.plan import TuningPlan

PLACE = "local"
"""The project and the location of a service outside Google Cloud, which has neither."""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "arguments",
        "check, then write the arguments of a compiled pipeline as JSON, for Kubeflow Pipelines without Vertex AI",
        "hydra-vertex arguments --search conf/hparams_search/docs.yaml --image registry/train:1 -o arguments.json \\\n"
        "    -- python train.py experiment=docs",
        APP_USAGE,
    )
    parser.add_argument(
        "-o", "--output", type=file_path, metavar="FILE", help="the JSON file (default: print it on stdout)"
    )
    parser.add_argument(
        "--endpoint",
        type=word,
        metavar="URL",
        help="tuning service of the cluster, such as http://tuning.studies.svc:8080, unless the pipeline has an engine",
    )
    parser.add_argument(
        "--root",
        type=word,
        metavar="gs://…|PATH",
        help="folder in a bucket, or on a volume that trials mount, for the output of the trials",
    )
    add_engine_pool_options(parser)
    add_tuning_options(parser)
    add_start_from_option(parser)
    add_narrow_option(parser)
    add_retrain_option(parser)
    add_cost_options(parser)
    add_no_check_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run, runner="process")


def run(arguments: argparse.Namespace) -> int:
    """Check everything that can be checked without the cluster, then write the arguments. Raises UserError."""
    from hydra_vertex.pipelines.effect import without_effect_here
    from hydra_vertex.service.trials.engines.options import EngineOptions

    root = arguments.root or ""
    if root and not root.startswith(("gs://", "/")):
        raise CommandError(f"--root {root}: expected a folder in a bucket, such as gs://b/runs, or an absolute path")
    require_narrow(arguments, "the tuning service of a pipeline")
    require_url(arguments.endpoint, "http://tuning.studies.svc:8080")
    engine = EngineOptions("kubernetes")
    plan = dataclasses.replace(plan_from(arguments, here=True, engine=engine), study_root=root)
    plan = with_limits(plan, arguments)
    earlier = narrowing_studies(plan, arguments)
    for line in (*file_content(plan), *without_effect_here(plan, engine)):
        say(line)
    if arguments.no_check:
        say_unchecked(plan)
    else:
        plan = require_checked_plan(plan, arguments, here=True)
    narrowed = narrowed_plan(plan, earlier, arguments)
    say_narrowed(earlier, narrowed)
    _write(narrowed.plan, arguments.endpoint or "", arguments.output, as_json=arguments.json)
    return 0


def _write(plan: TuningPlan, endpoint: str, output: Path | None, *, as_json: bool) -> None:
    from hydra_vertex.protocol import json
    from hydra_vertex.protocol.files import write_atomic

    document = plan.pipeline_arguments(project=PLACE, location=PLACE, api_endpoint=endpoint)
    if output is None:
        # The form is that of the pipeline's parameters, of which none is named `schema`.
        show_json(document, indent=2)
        return
    try:
        write_atomic(output, json.dumps(document, indent=2) + "\n")
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror})") from error
    if as_json:
        counts = {"maxTrialCount": plan.max_trial_count, "parallelTrialCount": plan.parallel_trial_count}
        show_document("arguments-file", {"file": str(output), **counts})
    else:
        show(f"{output}: {plan.max_trial_count} trials, {plan.parallel_trial_count} at once")
