"""`hydra-vertex submit`: sends a compiled pipeline to Vertex Pipelines."""

from __future__ import annotations

import argparse

from hydra_vertex.cli.option_types import file_path, whole_number, word
from hydra_vertex.cli.output import say, show, show_json

from .study_options import (
    APP_USAGE,
    add_json_option,
    add_no_check_option,
    add_parser,
    add_retrain_option,
    add_tuning_options,
    check_app,
    file_content,
    plan_from,
    require_checked,
)


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
    target = parser.add_argument_group("target")
    target.add_argument("--project", type=word, required=True, help="Google Cloud project")
    target.add_argument("--location", type=word, required=True, help="region, such as europe-west4")
    target.add_argument(
        "--root", type=word, required=True, metavar="gs://…", help="folder for artifacts and the output of the trials"
    )
    target.add_argument("--service-account", type=word, help="service account of the pipeline and the trials")
    target.add_argument("--api-endpoint", type=word, metavar="URL", help="endpoint instead of that of the location")
    target.add_argument("--no-cache", action="store_true", help="run every step, also those with a cached result")
    _add_trial_machine(parser)
    add_tuning_options(parser)
    add_retrain_option(parser)
    add_no_check_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def _add_trial_machine(parser: argparse.ArgumentParser) -> None:
    machine = parser.add_argument_group("machine of each trial, unless the search file has worker pools")
    machine.add_argument("--image", type=word, metavar="URI", help="container image of the trials")
    machine.add_argument(
        "--trial-machine-type", type=word, default="n1-standard-4", metavar="TYPE", help="default: n1-standard-4"
    )
    machine.add_argument("--trial-accelerator", type=word, metavar="TYPE", help="such as NVIDIA_L4 or NVIDIA_TESLA_T4")
    machine.add_argument(
        "--trial-accelerator-count",
        type=whole_number(1),
        default=1,
        metavar="N",
        help="default: 1",
    )


def run(arguments: argparse.Namespace) -> int:
    """Check everything that can be checked without Vertex AI, then send the pipeline."""
    import dataclasses

    from hydra_vertex.pipelines.compiled_pipeline import read_pipeline
    from hydra_vertex.pipelines.effect import without_effect_on_vertex
    from hydra_vertex.pipelines.refusals import require_acceptable
    from hydra_vertex.pipelines.submit import submit
    from hydra_vertex.pipelines.trial_machine import trial_job

    plan = plan_from(arguments)
    spec = trial_job(
        plan.trial_job_spec,
        image=arguments.image or "",
        machine_type=arguments.trial_machine_type,
        accelerator=arguments.trial_accelerator or "",
        accelerator_count=arguments.trial_accelerator_count,
        root=arguments.root,
        service_account=arguments.service_account or "",
    )
    plan = dataclasses.replace(plan, trial_job_spec=spec)
    # Check again, with the machine from the options.
    require_acceptable(plan, plan.source, here=False)
    asked = plan.pipeline_arguments(project=arguments.project, location=arguments.location)
    read_pipeline(arguments.pipeline).check_arguments(asked)
    for line in file_content(plan):
        say(line)
    for notice in without_effect_on_vertex(plan):
        say(notice)
    if not arguments.no_check:
        require_checked(check_app(plan), plan.source)
    sent = submit(
        arguments.pipeline,
        asked,
        project=arguments.project,
        location=arguments.location,
        pipeline_root=arguments.root,
        service_account=arguments.service_account or "",
        enable_caching=False if arguments.no_cache else None,
        display_name=plan.display_name,
        api_endpoint=arguments.api_endpoint or "",
    )
    if arguments.json:
        show_json({"name": sent.name, "console": sent.console_url})
    else:
        show(sent.console_url)
    return 0
